"""The error that the steps of loading a media input raise, and the size format of its messages."""

from __future__ import annotations


class InputRefused(Exception):
    """A media input that is refused. The message is for the caller: it holds no payload, URL, address or path."""


class DecodeLimitExceeded(InputRefused):
    """A file that exceeded a resource limit while it was decoded, or crashed its decoder."""
