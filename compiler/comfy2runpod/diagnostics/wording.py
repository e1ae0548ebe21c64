"""How values and names are quoted in messages: on one line, bounded in length, the nearest names beside wrong ones."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from comfy2runpod.json_text import glimpse
from comfy2runpod_contract.json_types import Json
from comfy2runpod_contract.secret_texts import masked
from comfy2runpod_contract.texts import visible

# Comparisons of names in one `Suggestions`: about a second's worth.
_MOST_COMPARED = 200_000
# Longer names are not misspelt ones.
_LONGEST_NAME = 200
_LONGEST_CHAIN = 40
_LONGEST_TEXT = 5000


def nearest(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The known names closest to a misspelt one, best first; case does not matter."""
    return _nearest(name[:_LONGEST_NAME], tuple(known), count)


# A graph often lacks one class many times over.
@lru_cache(maxsize=1024)
def _nearest(name: str, known: tuple[str, ...], count: int) -> tuple[str, ...]:
    by_folded: dict[str, str] = {}
    for candidate in known:
        by_folded.setdefault(candidate.casefold(), candidate)
    found = difflib.get_close_matches(name.casefold(), list(by_folded), n=count, cutoff=0.5)
    return tuple(by_folded[folded] for folded in found)


class Suggestions:
    """The known names nearest to misspelt ones, each computed only when a message needs it.

    Of a file with very many wrong names, only the first get suggestions.
    """

    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._found: dict[str, tuple[str, ...]] = {}
        self._compared = 0

    def __call__(self, name: str) -> tuple[str, ...]:
        """The nearest names, best first."""
        if name not in self._found:
            self._found[name] = nearest(name, self._known) if self._compared < _MOST_COMPARED else ()
            self._compared += len(self._known)
        return self._found[name]


def did_you_mean(names: Sequence[str]) -> str:
    """A sentence that offers the nearest names, followed by a space; empty if there are none."""
    if not names:
        return ""
    if len(names) == 1:
        return f"Did you mean {names[0]}? "
    return f"Did you mean {', '.join(names[:-1])} or {names[-1]}? "


def listed(names: Sequence[str]) -> str:
    """Names with commas between them, or `none`."""
    return ", ".join(names) or "none"


def all_of(names: Sequence[str]) -> str:
    """Names with `and` between them."""
    return " and ".join(names)


def chain(names: Sequence[str]) -> str:
    """Names in the order in which they follow one another; a long chain without its middle."""
    shown = [shorten(name) for name in names]
    if len(shown) > _LONGEST_CHAIN:
        half = _LONGEST_CHAIN // 2
        shown[half:-half] = [f"… {len(shown) - 2 * half:,} more …"]
    return " > ".join(shown)


def shorten(text: str, limit: int = 80) -> str:
    """The text on one line, cut to `limit` characters, so that a message never carries a whole prompt."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def show(value: Json) -> str:
    """A value as a message quotes it: JSON, one line, at most 80 characters."""
    return shorten(glimpse(value))


def displayed(text: str) -> str:
    """A text of a diagnostic as it may be shown: no secrets, no raw control characters, and bounded in length."""
    shown = masked(text[:_LONGEST_TEXT])
    return visible(shown if len(text) <= _LONGEST_TEXT else f"{shown}… ({len(text):,} characters)")
