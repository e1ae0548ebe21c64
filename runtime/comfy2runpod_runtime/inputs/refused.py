"""What the steps of taking an input say when they refuse it."""

from __future__ import annotations


class InputRefused(Exception):
    """A medium that is not taken. The message is for the caller: no payload, no URL, no address, no path."""


def megabytes(count: int) -> str:
    """A number of bytes for people: `20 MB`, and exactly where that would round."""
    return f"{count // 1_000_000} MB" if count % 1_000_000 == 0 else f"{count:,} bytes"
