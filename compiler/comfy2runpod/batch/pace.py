"""Rate limiting of a batch: full speed until the endpoint answers 429."""

from __future__ import annotations

import asyncio
import time

# The interval between submissions after the first 429, its maximum, and the longest Retry-After, in seconds.
_FIRST, _LONGEST, _LONGEST_ASKED = 0.5, 30.0, 300.0


class Pace:
    """What all who ask one endpoint share: nobody asks before `slow`'s time is over, and submissions keep a distance.

    The distance doubles with every complaint, and shrinks by a tenth with every submission that is taken.
    """

    def __init__(self) -> None:
        self._gap = 0.0
        self._next = 0.0
        self._held_until = 0.0

    @property
    def gap(self) -> float:
        """Seconds between two submissions; 0 at full speed."""
        return self._gap

    def slow(self, asked: float | None = None) -> None:
        """Slows down after a 429 or a missing answer; `asked` is the Retry-After in seconds."""
        now = time.monotonic()
        # Several 429 answers to concurrent requests count once.
        if now >= self._held_until:
            self._gap = min(max(2 * self._gap, _FIRST), _LONGEST)
        wait = self._gap if asked is None else min(asked, _LONGEST_ASKED)
        self._held_until = max(self._held_until, now + wait)

    def well(self) -> None:
        """Speeds up after an accepted submission."""
        self._gap = self._gap * 0.9 if self._gap > _FIRST / 10 else 0.0

    async def ready(self) -> None:
        """Waits until requests are allowed."""
        while (left := self._held_until - time.monotonic()) > 0:  # noqa: ASYNC110 - a time is waited for
            await asyncio.sleep(left)

    async def turn(self) -> None:
        """Waits until a submission is allowed."""
        while (left := max(self._next, self._held_until) - time.monotonic()) > 0:  # noqa: ASYNC110 - as above
            await asyncio.sleep(left)
        self._next = time.monotonic() + self._gap
