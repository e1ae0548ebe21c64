"""For which releases a fact holds: `>=0.20`, `<0.30`, both with a comma between, or `*` for all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_PART = re.compile(r"(>=|<)(\d{1,9}(?:\.\d{1,9}){0,5})")
# A commit has no point in it.
_RELEASE = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){1,5})(?:[-+].*|\.?(?:a|b|rc|dev|post)\d*)?")


@dataclass(frozen=True, slots=True)
class Releases:
    """From one release on, and before another; each as its numbers, None where there is no such bound."""

    first: tuple[int, ...] | None = None
    before: tuple[int, ...] | None = None

    def __str__(self) -> str:
        parts = [
            f"{sign}{'.'.join(map(str, numbers))}"
            for sign, numbers in ((">=", self.first), ("<", self.before))
            if numbers is not None
        ]
        return ",".join(parts) or "*"

    @classmethod
    @lru_cache(maxsize=100)
    def parse(cls, text: str) -> Releases:
        """The bounds in a text.

        Raises:
            ValueError: it is no such text.
        """
        if text == "*":
            return cls()
        first = before = None
        for part in text.split(","):
            match = _PART.fullmatch(part.strip())
            if match is None or (first if match[1] == ">=" else before) is not None:
                raise ValueError(f"{text[:60]!a} is none; expected such as '>=0.20', '>=0.4,<0.30' or '*'")
            if match[1] == ">=":
                first = _numbers(match[2])
            else:
                before = _numbers(match[2])
        return cls(first, before)

    def hold(self, version: str | None) -> bool:
        """Whether a release is one of them; one that is not told, or is a commit, may be any."""
        match = _RELEASE.fullmatch(version or "")
        if match is None:
            return True
        numbers = _numbers(match[1])
        return (self.first is None or numbers >= self.first) and (self.before is None or numbers < self.before)


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers of a release; zeros at the end say nothing."""
    found = [int(part) for part in text.split(".")]
    while len(found) > 1 and found[-1] == 0:
        found.pop()
    return tuple(found)
