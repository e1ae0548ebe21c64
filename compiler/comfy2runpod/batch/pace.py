"""How fast an endpoint is asked: at full speed until it says that this is too fast."""

from __future__ import annotations

import asyncio
import time

# Seconds between two submissions after the first complaint, and at most; and how long a complaint may ask to wait.
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
        """The endpoint complained, or did not answer; `asked` is how many seconds it wants to be left alone."""
        now = time.monotonic()
        # Complaints about requests that were on their way together are one.
        if now >= self._held_until:
            self._gap = min(max(2 * self._gap, _FIRST), _LONGEST)
        wait = self._gap if asked is None else min(asked, _LONGEST_ASKED)
        self._held_until = max(self._held_until, now + wait)

    def well(self) -> None:
        """A submission was taken."""
        self._gap = self._gap * 0.9 if self._gap > _FIRST / 10 else 0.0

    async def ready(self) -> None:
        """Waits until anybody may ask."""
        while (left := self._held_until - time.monotonic()) > 0:  # noqa: ASYNC110 - a time is waited for
            await asyncio.sleep(left)

    async def turn(self) -> None:
        """Waits until one more may be submitted."""
        while (left := max(self._next, self._held_until) - time.monotonic()) > 0:  # noqa: ASYNC110 - as above
            await asyncio.sleep(left)
        self._next = time.monotonic() + self._gap
