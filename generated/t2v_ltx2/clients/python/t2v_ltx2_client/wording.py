"""Texts and sizes in messages for callers, alike in the worker and in its clients."""

from __future__ import annotations

_MEGABYTE = 10**6

# Of one refused request: how many faults its details name, and how many of them its message does.
MOST_FAULTS = 20
FAULTS_IN_MESSAGE = 5
# Integers from here on are not printed: formatting a million digits is slow.
LARGEST_SHOWN = 10**30


def shorten(text: str, limit: int = 80) -> str:
    """The text on one line, cut to `limit` characters: an answer never carries a caller's megabyte back."""
    flat = " ".join(text[: limit * 4].split())
    cut = flat if len(flat) <= limit and len(text) <= limit * 4 else flat[: limit - 1] + "…"
    # Half a surrogate pair, which JSON may hold, cannot be sent as UTF-8: the SDK would lose the whole answer.
    return cut.encode("utf-8", "backslashreplace").decode("utf-8")


def megabytes(count: int) -> str:
    """A number of bytes for people: `20 MB`, and exactly where that would round."""
    return f"{count // _MEGABYTE} MB" if count % _MEGABYTE == 0 else f"{count:,} bytes"
