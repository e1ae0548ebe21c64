"""An object of a file of facts, read key by key: each value of its type, bounded and plain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import TypeVar

from comfy2runpod_contract.json_types import Json, JsonObject, json_type
from comfy2runpod_contract.media import MEDIA_TYPE
from comfy2runpod_contract.texts import is_plain

_MOST_NAMES = 1_000
_LONGEST_NAME = 200
_LONGEST_TEXT = 500
_LARGEST_SIDE = 100_000

EnumT = TypeVar("EnumT", bound=Enum)


class BadFactsError(ValueError):
    """What is wrong with a file of facts, and in which row."""


class Fields:
    """An object of a file, read key by key; an unknown key is an error."""

    def __init__(self, at: str, raw: JsonObject) -> None:
        self.at = at
        self._raw = raw
        self._read: set[str] = set()

    def finish(self) -> None:
        """Refuses what was not read."""
        unknown = [key for key in self._raw if key not in self._read]
        if unknown:
            raise BadFactsError(f"{self.at}: it has {quoted(unknown[0])}, which nothing reads")

    def has(self, key: str) -> bool:
        """Whether it has the key."""
        return key in self._raw

    def name(self, key: str) -> str:
        """A name: one line, neither empty nor long."""
        return self._plain(key, self._get(key), _LONGEST_NAME)

    def optional_name(self, key: str) -> str | None:
        """The same, or None if it is not there."""
        return self.name(key) if self.has(key) else None

    def text(self, key: str) -> str:
        """A sentence or a clause, on one line."""
        return self._plain(key, self._get(key), _LONGEST_TEXT)

    def names(self, key: str) -> tuple[str, ...]:
        """A list of names, empty if it is not there."""
        if not self.has(key):
            return ()
        found = tuple(self._plain(key, value, _LONGEST_NAME) for value in self.list(key, _MOST_NAMES))
        if not found:
            raise self._bad(key, "is empty")
        return found

    def flag(self, key: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self._get(key) if self.has(key) else default
        if not isinstance(value, bool):
            raise self._bad(key, f"is {json_type(value)}; expected true or false")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self._bad(key, "is no number")
        return value

    def pixels(self, key: str) -> int:
        """A whole number of pixels or frames."""
        return self._pixels(key, self._get(key))

    def pairs(self, key: str) -> tuple[tuple[int, int], ...]:
        """A list of widths and heights."""
        found = []
        for value in self.list(key, _MOST_NAMES):
            if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - width and height
                raise self._bad(key, "holds what is no pair of width and height")
            found.append((self._pixels(key, value[0]), self._pixels(key, value[1])))
        if not found:
            raise self._bad(key, "is empty")
        return tuple(found)

    def _pixels(self, key: str, value: Json) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST_SIDE:
            raise self._bad(key, f"holds what is no whole number from 1 to {_LARGEST_SIDE:,}")
        return value

    def value(self, key: str) -> Json:
        """A plain value: a text, a number, true, false, null, or a list of such."""
        return self._value(key, self._get(key), lists=True)

    def values(self, key: str) -> tuple[Json, ...]:
        """A list of plain values."""
        return tuple(self._value(key, value) for value in self.list(key, _MOST_NAMES))

    def by_name(self, key: str) -> Mapping[str, Json]:
        """An object of plain values."""
        if not self.has(key):
            return {}
        value = self._get(key)
        if not isinstance(value, dict) or len(value) > _MOST_NAMES:
            raise self._bad(key, f"is no object of {_MOST_NAMES:,} entries at most")
        return {self._plain(key, name, _LONGEST_NAME): self._value(key, inner) for name, inner in value.items()}

    def names_by_name(self, key: str) -> Mapping[str, str]:
        """An object of names, empty if it is not there."""
        return {name: self._plain(key, value, _LONGEST_NAME) for name, value in self.by_name(key).items()}

    def one_of(self, key: str, choices: type[EnumT], *but: EnumT) -> EnumT:
        """A word that stands for one of the choices, but for some of them."""
        word = self.name(key)
        with suppress(ValueError):
            if (found := choices(word)) not in but:
                return found
        known = ", ".join(str(choice.value) for choice in choices if choice not in but)
        raise self._bad(key, f"is {quoted(word)}; expected one of {known}")

    def media_type(self, key: str) -> str:
        """A media type, such as image/png."""
        word = self.name(key)
        if not MEDIA_TYPE.fullmatch(word):
            raise self._bad(key, f"is {quoted(word)}, which is no media type")
        return word

    def list(self, key: str, most: int) -> list[Json]:
        """An array of so many entries at most."""
        value = self._get(key)
        if not isinstance(value, list):
            raise self._bad(key, f"is {json_type(value)}; expected an array")
        if len(value) > most:
            raise self._bad(key, f"has {len(value):,} entries; {most:,} are read at most")
        return value

    def _get(self, key: str) -> Json:
        self._read.add(key)
        if key not in self._raw:
            raise BadFactsError(f"{self.at}: it has no `{key}`")
        return self._raw[key]

    def _plain(self, key: str, value: Json, longest: int) -> str:
        if not isinstance(value, str):
            raise self._bad(key, f"holds {json_type(value)}; expected a text")
        if not value.strip():
            raise self._bad(key, "holds an empty text")
        if len(value) > longest:
            raise self._bad(key, f"holds {len(value):,} characters; {longest} are read at most")
        if not is_plain(value):
            raise self._bad(key, "holds a control character, a line break or a mark that cannot be seen")
        return value

    def _value(self, key: str, value: Json, *, lists: bool = False) -> Json:
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, str) and len(value) <= _LONGEST_TEXT and is_plain(value):
            return value
        if lists and isinstance(value, list) and len(value) <= _MOST_NAMES:
            return [self._value(key, inner) for inner in value]
        raise self._bad(key, "holds what is neither a short text nor a number, true, false or null")

    def _bad(self, key: str, problem: str) -> BadFactsError:
        return BadFactsError(f"{self.at}: {key} {problem}")


def quoted(text: str) -> str:
    """A text as a message can hold it."""
    return ascii(text[:60])
