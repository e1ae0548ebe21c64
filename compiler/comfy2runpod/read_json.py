"""bytes -> JSON: what any file that is read must pass first, a graph or an API prompt.

What no reader of JSON agrees on is refused with its place: numbers beyond a double, which the editor reads as Infinity;
halves of surrogate pairs, which are no text; values nested deeper than anybody writes them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar, cast

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors import load as errors
from comfy2runpod.ir.json import Json
from comfy2runpod.json_spans import line_and_column, path_of, tokens

# The largest public graph has 1.3 MB; pasted pictures can make one a few times that.
MAX_BYTES = 64 * 1024 * 1024
# Graphs nest a dozen levels.
MAX_DEPTH = 200
# Numbers with at least so many digits are beyond a double.
_DIGITS = 309
# Every digit a 0, an exponent's E an e: what may be a number that is too large is found so at the speed of memory.
_SHAPES = bytes.maketrans(b"0123456789E", b"0000000000e")
_HUGE_SHAPES = (b"e000", b"e+000", b"0" * _DIGITS)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")

Number = TypeVar("Number", int, float)


def parse_json(data: bytes, file: str) -> Json:
    """The JSON value in a file's bytes: numbers finite, texts whole, nested MAX_DEPTH deep at most.

    Raises:
        CompileError: too large, not text, cut off, not JSON, or one of these.
    """
    at = Locus(file)
    if len(data) > MAX_BYTES:
        raise CompileError([too_large(file, len(data))])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CompileError([errors.NotText(at=at, offset=error.start)]) from None
    try:
        value = _loads(text, may_be_huge=_may_be_huge(data))
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise CompileError([errors.TruncatedFile(at=at, size=len(data))]) from None
        fault = errors.NotJson(at=at, detail=error.msg, line=error.lineno, column=error.colno)
    except _ConstantError as error:
        fault = _not_json(at, text, f"{error} is not a JSON value", str(error).__eq__)
    except _HugeError:
        fault = _not_json(at, text, "a number is too large for ComfyUI's editor, which reads it as Infinity", _is_huge)
    except RecursionError:
        fault = _too_deep(at, text)
    else:
        if _SURROGATE.search(data) is not None:
            half = next(_halves(value), None)
            if half is not None:
                raise CompileError([errors.HalfOfAPair(at=Locus(file, json_path=half))])
        if not _nests_deeper(value, MAX_DEPTH):
            return value
        fault = _too_deep(at, text)
    raise CompileError([fault])


def too_large(file: str, size: int) -> errors.FileTooLarge:
    """What is said of a file over MAX_BYTES; a caller that knows the size need not read it first."""
    return errors.FileTooLarge(at=Locus(file), size=size, limit=MAX_BYTES)


def strict_json(text: str) -> Json:
    """The JSON value in a text that is no graph: numbers finite, texts whole, nested MAX_DEPTH deep at most.

    Raises:
        ValueError: it is none; the message says why.
    """
    try:
        value = _loads(text, may_be_huge=True)
    except _ConstantError as error:
        raise ValueError(f"{error} is not a JSON value") from None
    except _HugeError:
        raise ValueError("a number is too large") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _nests_deeper(value, MAX_DEPTH):
        raise ValueError(_TOO_DEEP)
    half = next(_halves(value), None)
    if half is not None:
        raise ValueError(f"{half} holds half of a surrogate pair, which is no text")
    return value


class _ConstantError(Exception):
    """NaN or Infinity, which Python's reader takes and JSON does not know."""


class _HugeError(Exception):
    """A number beyond a double."""


_TOO_DEEP = f"arrays or objects are nested too deeply (more than {MAX_DEPTH} levels)"


def _may_be_huge(data: bytes) -> bool:
    shapes = data.translate(_SHAPES)
    return any(shape in shapes for shape in _HUGE_SHAPES)


def _loads(text: str, *, may_be_huge: bool) -> Json:
    if not may_be_huge:
        return cast(Json, json.loads(text, parse_constant=_refuse_constant))
    return cast(
        Json,
        json.loads(text, parse_constant=_refuse_constant, parse_int=_bounded(int), parse_float=_bounded(float)),
    )


def _bounded(read: Callable[[str], Number]) -> Callable[[str], Number]:
    def number(word: str) -> Number:
        if _is_huge(word):
            raise _HugeError
        return read(word)

    return number


def _is_huge(word: str) -> bool:
    """Whether a token is a number that a double does not hold."""
    if word[:1] not in "-0123456789":
        return False
    # A conversion takes the square of the digits' number.
    return math.isinf(float(word)) if any(mark in word for mark in ".eE") else len(word.lstrip("-")) >= _DIGITS


def _refuse_constant(name: str) -> NoReturn:
    raise _ConstantError(name)


def _not_json(at: Locus, text: str, detail: str, is_it: Callable[[str], bool]) -> errors.NotJson:
    offset = next((offset for offset, word in tokens(text) if is_it(word)), 0)
    line, column = line_and_column(text, offset)
    return errors.NotJson(at=at, detail=detail, line=line, column=column)


def _too_deep(at: Locus, text: str) -> errors.NotJson:
    depth = 0

    def is_it(word: str) -> bool:
        nonlocal depth
        depth += (word in "{[") - (word in "}]")
        return depth > MAX_DEPTH

    return _not_json(at, text, _TOO_DEEP, is_it)


def _nests_deeper(value: Json, limit: int) -> bool:
    """Whether arrays and objects stand in each other more than `limit` levels deep."""
    level: list[Json] = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, dict))
            for inner in (outer if isinstance(outer, list) else outer.values())
            if isinstance(inner, (list, dict))
        ]
        if not level:
            return False
    return True


def _halves(value: Json) -> Iterator[str]:
    """The JSON paths of texts that hold half of a surrogate pair; of a key, its object's."""
    waiting: list[tuple[tuple[str | int, ...], Json]] = [((), value)]
    while waiting:
        steps, found = waiting.pop()
        match found:
            case str() if _HALF.search(found):
                yield path_of(steps)
            case list():
                waiting.extend(((*steps, index), item) for index, item in reversed(tuple(enumerate(found))))
            case dict():
                if any(_HALF.search(key) for key in found):
                    yield path_of(steps)
                waiting.extend(((*steps, key), item) for key, item in reversed(tuple(found.items())))
