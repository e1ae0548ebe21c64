"""bytes -> JSON: what any file that is read must pass first, a graph or an API prompt."""

from __future__ import annotations

import json
import sys
from typing import NoReturn, cast

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors import load as errors
from comfy2runpod.ir.json import Json

# The largest public graph has 1.3 MB; pasted pictures can make one a few times that.
MAX_BYTES = 64 * 1024 * 1024


def parse_json(data: bytes, file: str) -> Json:
    """The JSON value in a file's bytes.

    Raises:
        CompileError: too large, not text, cut off, or not JSON.
    """
    at = Locus(file)
    if len(data) > MAX_BYTES:
        raise CompileError([too_large(file, len(data))])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CompileError([errors.NotText(at=at, offset=error.start)]) from None
    try:
        return cast(Json, json.loads(text, parse_constant=_refuse_constant))
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise CompileError([errors.TruncatedFile(at=at, size=len(data))]) from None
        fault = errors.NotJson(at=at, detail=error.msg, line=error.lineno, column=error.colno)
    except _ConstantError as error:
        fault = errors.NotJson(at=at, detail=f"{error} is not a JSON value", line=1, column=1)
    except RecursionError:
        fault = errors.NotJson(at=at, detail="arrays or objects are nested too deeply", line=1, column=1)
    except ValueError:
        detail = f"a number has more than {sys.get_int_max_str_digits()} digits"
        fault = errors.NotJson(at=at, detail=detail, line=1, column=1)
    raise CompileError([fault])


def too_large(file: str, size: int) -> errors.FileTooLarge:
    """What is said of a file over MAX_BYTES; a caller that knows the size need not read it first."""
    return errors.FileTooLarge(at=Locus(file), size=size, limit=MAX_BYTES)


class _ConstantError(Exception):
    """NaN or Infinity, which Python's reader takes and JSON does not know."""


def _refuse_constant(name: str) -> NoReturn:
    raise _ConstantError(name)
