"""bytes -> JSON: what any file that is read must pass first, a graph or an API prompt."""

from __future__ import annotations

import json
from typing import TypeAlias

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors import load as errors
from comfy2runpod.strict_json import HalfTextError, StrictJsonError, strict_json
from comfy2runpod_contract.json_types import Json

# The largest public graph has 1.3 MB; pasted images can make one a few times that.
MAX_BYTES = 64 * 1024 * 1024


FileBytes: TypeAlias = bytes | bytearray | memoryview


def parse_json(data: FileBytes, file: str) -> Json:
    """The JSON value in a file's bytes, one that all readers agree on (`strict_json`).

    Raises:
        CompileError: too large, not text, cut off, or not JSON.
        TypeError: `data` is not bytes.
    """
    at = Locus(file)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"expected the bytes of the file as data, not {type(data).__name__}")
    size = data.nbytes if isinstance(data, memoryview) else len(data)
    if size > MAX_BYTES:
        raise CompileError([too_large(file, size)])
    try:
        text = bytes(data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CompileError([errors.NotText(at=at, offset=error.start)]) from None
    try:
        return strict_json(text, has_halves=False)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
            raise CompileError([errors.TruncatedFile(at=at, size=size)]) from None
        fault = errors.NotJson(at=at, detail=error.msg, line=error.lineno, column=error.colno)
    except StrictJsonError as error:
        fault = errors.NotJson(at=at, detail=error.problem, line=error.line, column=error.column)
    except HalfTextError as error:
        raise CompileError([errors.HalfOfAPair(at=Locus(file, json_path=error.path))]) from None
    raise CompileError([fault])


def too_large(file: str, size: int, limit: int = MAX_BYTES) -> errors.FileTooLarge:
    """What is said of a file over a limit; a caller that knows the size need not read it first."""
    return errors.FileTooLarge(at=Locus(file), size=size, limit=limit)
