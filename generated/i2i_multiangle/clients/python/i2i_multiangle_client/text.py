"""Text and JSON from a server: limited in size, and safe to print."""

from __future__ import annotations

import json
import math
import unicodedata
from typing import NoReturn

# The deepest nesting of JSON; answers have far less.
DEEPEST = 256
_MOST_DIGITS = 1000
# Counted before parsing: small values of a long text would take gigabytes as Python objects.
_MOST_VALUES = 250_000


def plain(text: str, limit: int = 2000) -> str:
    """Makes a server's text safe to print: shortened, with control and bidirectional characters escaped."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(map(_shown, cut))


def read_json(text: str) -> object:
    """Parses JSON.

    Raises:
        ValueError: it is invalid, nested more than 256 deep, has more than 250,000 commas and brackets, or a number
            of more than 1,000 digits or out of the range of a double.
    """
    if sum(map(text.count, ",[{")) > _MOST_VALUES:
        raise ValueError("too many values")
    try:
        value: object = json.loads(text, parse_constant=_refused, parse_int=_integer, parse_float=_float)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return value
    raise ValueError("nested too deeply")


def read_object(body: bytes) -> dict[str, object]:
    """Parses a JSON object.

    Raises:
        ValueError: the body is not a JSON object.
    """
    value = read_json(body.decode("utf-8-sig"))
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of a text, not of an argument
    return value


def _shown(character: str) -> str:
    kind = unicodedata.category(character)
    if character in "\n\t" or (kind[0] != "C" and kind not in {"Zl", "Zp"}):
        return character
    return f"\\u{ord(character):04x}"


def _inside(value: object) -> list[object]:
    """The lists and objects directly inside a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, (dict, list))]


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    # Conversion takes time quadratic in the length.
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number of too many digits")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number that is too large")
    return value
