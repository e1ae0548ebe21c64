"""Rate limiting of a batch: full speed until the endpoint answers 429."""

from __future__ import annotations

import asyncio
import time

# The interval between submissions after the first 429, its maximum, and the longest Retry-After, in seconds.
_FIRST, _LONGEST, _LONGEST_RETRY_AFTER = 0.5, 30.0, 300.0


class Pace:
    """The rate limit that all requests to one endpoint share: none is sent during a pause, and submissions have a gap.

    The gap doubles after a 429 and shrinks by a tenth after every accepted submission.
    """

    def __init__(self) -> None:
        self._gap = 0.0
        self._next = 0.0
        self._paused_until = 0.0

    @property
    def gap(self) -> float:
        """Seconds between two submissions; 0 at full speed."""
        return self._gap

    def slow(self, retry_after: float | None = None) -> None:
        """Slows down after a 429 or a missing answer; `retry_after` is the header's value in seconds."""
        now = time.monotonic()
        # Several 429 answers to concurrent requests count once.
        if now >= self._paused_until:
            self._gap = min(max(2 * self._gap, _FIRST), _LONGEST)
        wait = self._gap if retry_after is None else min(retry_after, _LONGEST_RETRY_AFTER)
        self._paused_until = max(self._paused_until, now + wait)

    def accepted(self) -> None:
        """Speeds up after an accepted submission."""
        self._gap = self._gap * 0.9 if self._gap > _FIRST / 10 else 0.0

    async def ready(self) -> None:
        """Waits until requests are allowed."""
        while (left := self._paused_until - time.monotonic()) > 0:  # noqa: ASYNC110 - a time is waited for
            await asyncio.sleep(left)

    async def turn(self) -> None:
        """Waits until a submission is allowed."""
        while (left := max(self._next, self._paused_until) - time.monotonic()) > 0:  # noqa: ASYNC110 - as above
            await asyncio.sleep(left)
        self._next = time.monotonic() + self._gap
