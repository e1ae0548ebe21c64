"""JSON -> values that every reader of it agrees on: numbers finite, texts whole, nested so deep at most.

Python's own reader takes NaN, rounds 1e999 to infinity and keeps halves of surrogate pairs; the editor, the server and
every client of a package would make something else of each.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NoReturn

from pydantic_core import from_json

from comfy2runpod.json_spans import Steps, line_and_column, path_of, tokens
from comfy2runpod_contract.json_types import Json, JsonObject

# Graphs nest a dozen levels.
MAX_DEPTH = 200
# Integers with at least so many digits are beyond a double.
_DIGITS = 309
# So many digits are beyond a double only with an exponent of three digits. Of those after them, every twentieth is
# looked at.
_FEW_DIGITS = 200
_STEP = 20
_MANY_DIGITS = b"0" * (_FEW_DIGITS // _STEP)
_DIGITS_TO_ZEROS = bytes.maketrans(b"0123456789", b"0000000000")
# Exponents of three digits. Each pattern begins with one letter, so that `re` looks for
# that letter alone.
_LARGE_EXPONENTS = tuple(re.compile(rf"{letter}\+?[0-9]{{3,}}\s*(?:[,\]}}]|$)") for letter in "eE")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")
# Of a key in a message.
_SHOWN_KEY = 100
_NESTING = frozenset({list, dict})
# In longer texts, the arrays and objects are too many for counting them to save anything.
_SHORT = 60_000


class StrictJsonError(ValueError):
    """The text is JSON for some readers only: what is wrong, and where, line and column from 1."""

    def __init__(self, problem: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {problem}")
        self.problem = problem
        self.line = line
        self.column = column


class RepeatedKeyError(ValueError):
    """An object has a key twice: readers take one of the values, and drop the other silently."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {json.dumps(key[:_SHOWN_KEY])} stands twice in an object")


class HalfTextError(ValueError):
    """A text in it is none: half of a surrogate pair; `path` is its JSON path."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} holds half of a surrogate pair, which is no text")
        self.path = path


def strict_json(text: str, *, has_halves: bool = True, unique_keys: bool = False) -> Json:
    """The JSON value in a text.

    Args:
        text: the JSON.
        has_halves: whether halves of surrogate pairs may stand in the text itself, not only in its escapes; what was
            decoded from UTF-8 has none.
        unique_keys: whether to refuse a key that an object has twice: what a person writes by hand. Of a graph the last
            one counts, as in the editor.

    Raises:
        json.JSONDecodeError: it is not JSON.
        StrictJsonError: it holds NaN, Infinity or a number beyond a double, or is nested more than MAX_DEPTH deep.
        HalfTextError: it holds half of a surrogate pair.
        RepeatedKeyError: an object has a key twice, and `unique_keys` is set. All four are ValueErrors.
    """
    many_digits = _may_hold_many_digits(text)
    if not unique_keys and not many_digits and not _may_hold_large_exponent(text):
        # The faster reader has the same rules, but its own words; it takes 201 levels. What it refuses is read again.
        with suppress(ValueError):
            value: Json = from_json(text, allow_inf_nan=False)
            return value
    try:
        decoder = _UNIQUE_DECODER if unique_keys else _BOUNDED_DECODER if many_digits else _DECODER
        value = decoder.decode(text)
    except _ConstantError as error:
        raise _fault(text, f"{error} is not a JSON value", str(error).__eq__) from None
    except _HugeError:
        problem = "a number is too large: whoever reads it in JavaScript, as ComfyUI's editor does, gets Infinity"
        raise _fault(text, problem, _is_huge) from None
    except RecursionError:
        raise _too_deep(text) from None
    if _nests_deeper(value, MAX_DEPTH, text):
        raise _too_deep(text)
    if _SURROGATE.search(text) is not None or (has_halves and not text.isascii() and _HALF.search(text) is not None):
        half = next(_halves(value), None)
        if half is not None:
            raise HalfTextError(path_of(half))
    return value


class _ConstantError(Exception):
    """NaN or Infinity, which Python's reader takes and JSON does not know."""


class _HugeError(Exception):
    """A number beyond a double."""


def _may_hold_many_digits(text: str) -> bool:
    """Whether more than _FEW_DIGITS digits may follow each other: never False if they do, hardly ever True if not."""
    sample = text[::_STEP].encode("latin-1", "replace")
    return _MANY_DIGITS in sample.translate(_DIGITS_TO_ZEROS)


def _may_hold_large_exponent(text: str) -> bool:
    """Whether a number may have an exponent of three digits; never False where one has, and hardly ever True else."""
    return any(exponent.search(text) is not None for exponent in _LARGE_EXPONENTS)


def _finite(word: str) -> float:
    value = float(word)
    if math.isinf(value):
        raise _HugeError
    return value


def _bounded_int(word: str) -> int:
    if _is_huge(word):
        raise _HugeError
    return int(word)


def _is_huge(word: str) -> bool:
    """Whether a token is a number that a double does not hold."""
    if word[:1] not in "-0123456789":
        return False
    if any(mark in word for mark in ".eE"):
        return math.isinf(float(word))
    # A conversion takes the square of the digits' number.
    return len(word.lstrip("-")) >= _DIGITS


def _refuse_constant(name: str) -> NoReturn:
    raise _ConstantError(name)


def _unique(pairs: list[tuple[str, Json]]) -> JsonObject:
    made = dict(pairs)
    if len(made) < len(pairs):
        # The first of those that stand twice.
        seen = set[str]()
        for key, _ in pairs:
            if key in seen:
                raise RepeatedKeyError(key)
            seen.add(key)
    return made


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
_BOUNDED_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded_int)
_UNIQUE_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded_int, object_pairs_hook=_unique
)


def _fault(text: str, problem: str, is_it: Callable[[str], bool]) -> StrictJsonError:
    offset = next((offset for offset, word in tokens(text) if is_it(word)), 0)
    return StrictJsonError(problem, *line_and_column(text, offset))


def _too_deep(text: str) -> StrictJsonError:
    depth = 0

    def is_it(word: str) -> bool:
        nonlocal depth
        depth += (word in "{[") - (word in "}]")
        return depth > MAX_DEPTH

    return _fault(text, f"arrays or objects are nested too deeply (more than {MAX_DEPTH} levels)", is_it)


def _nests_deeper(value: Json, limit: int, text: str) -> bool:
    """Whether arrays and objects stand in each other more than `limit` levels deep, the outermost not counted.

    It looks at level after level, until too few are left in the text to make a level each.
    """
    left = text.count("[") + text.count("{") if len(text) <= _SHORT else len(text)
    level: list[Json] = [value]
    for depth in range(limit + 1):
        left -= len(level)
        if depth + left <= limit:
            return False
        found: list[Json] = []
        for outer in level:
            if isinstance(outer, dict):
                found += outer.values()
            elif isinstance(outer, list):
                found += outer
        # The reader makes no others; this is asked of every value of a file.
        level = [inner for inner in found if type(inner) in _NESTING]
        if not level:
            return False
    return True


def _halves(value: Json) -> Iterator[Steps]:
    """Where texts stand that hold half of a surrogate pair; of a key, its object."""
    waiting: list[tuple[Steps, Json]] = [((), value)]
    while waiting:
        steps, found = waiting.pop()
        match found:
            case str() if _HALF.search(found):
                yield steps
            case list():
                waiting.extend(((*steps, index), item) for index, item in reversed(tuple(enumerate(found))))
            case dict():
                if any(_HALF.search(key) for key in found):
                    yield steps
                waiting.extend(((*steps, key), item) for key, item in reversed(tuple(found.items())))
            case None | bool() | int() | float() | str():
                continue
