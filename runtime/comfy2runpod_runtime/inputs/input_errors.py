"""The errors that the steps of loading a media input raise."""

from __future__ import annotations


class MediaRefused(Exception):
    """A media input that is refused. The message is for the caller: it holds no payload, URL, address or path."""


class DecodeLimitExceeded(MediaRefused):
    """A file that exceeded a resource limit while it was decoded, or crashed its decoder."""
