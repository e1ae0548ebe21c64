"""A file of a request: reads and encodes it, and checks it against the limits of its field before anything is sent.

This is the same for every kind of file; a module a kind has what the kind adds.
"""

from __future__ import annotations

import base64
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeGuard

from .errors import InputRefused
from .wording import megabytes


class Readable(Protocol):
    """A file that is open in binary mode, or what reads like one."""

    def read(self, size: int, /) -> bytes:
        """Returns at most `size` bytes."""


# A path, an open file in binary mode, the file's bytes, or a string: an https URL, a data URL, or base64.
File: TypeAlias = str | bytes | os.PathLike[str] | Readable

# The limit for a file that is not checked: larger than any request.
_MAX_BYTES = 100_000_000
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_DATA_URL = re.compile(r"\s*data:[^,;]{0,200}(?:;[^;]{1,200}){0,10}?(;base64)?,", re.IGNORECASE)
_NOT_BASE64 = "is neither base64 nor a URL; send base64, a data URL or an https URL, or a file as a pathlib.Path"


@dataclass(frozen=True)
class FileKind:
    """What the checks of a file need to know of its kind.

    `problem` says what is wrong with a file's content for a field with these limits, as the worker does.
    """

    media: str
    media_type: str
    problem: Callable[[bytes, Mapping[str, Any]], str | None]


class FileFault(Exception):
    """What is wrong with a file, with the worker's message."""


def is_file(value: object) -> TypeGuard[bytes | os.PathLike[str] | Readable]:
    """Returns whether a value is a file rather than a string: bytes, a path or an open file."""
    return isinstance(value, (bytes, os.PathLike)) or callable(getattr(value, "read", None))


def encoded_file(kind: FileKind, name: str, value: object, limits: Mapping[str, Any], *, check: bool) -> object:
    """Returns a field's value as it is sent: base64 in the place of bytes, a path or an open file.

    Args:
        kind: the kind of the field.
        name: the field.
        value: its value.
        limits: the JSON Schema of the field.
        check: whether to check the file.

    Raises:
        FileFault: the file exceeds a limit of its field, or has another format.
        InputRefused: the file cannot be read.
    """
    if is_file(value):
        most = limits["x-max-bytes"] if check else _MAX_BYTES
        data = value if isinstance(value, bytes) else _read(name, value, most)
        if check:
            _check(kind, data, limits)
        return base64.b64encode(data).decode("ascii")
    if isinstance(value, str) and check:
        _check_text(kind, value, limits)
    return value


def _read(name: str, given: os.PathLike[str] | Readable, most: int) -> bytes:
    try:
        if not isinstance(given, os.PathLike):
            return _read_open(name, given, most)
        path = Path(given)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputRefused(f"{name}: {path} is not a regular file")
        if status.st_size > most:
            raise _too_large(status.st_size, most)
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise InputRefused(f"{name}: {given} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError):
        raise InputRefused(f"{name}: the path is invalid") from None


def _read_open(name: str, file: Readable, most: int) -> bytes:
    """What is left of an open file; one byte more than allowed is enough to know that it is too large."""
    try:
        data: object = file.read(most + 1)
    except UnicodeDecodeError:
        data = None
    except ValueError:
        raise InputRefused(f"{name}: the file is closed") from None
    # A file that is open in text mode.
    if not isinstance(data, bytes):
        raise InputRefused(f"{name}: the file is not open in binary mode")
    if len(data) > most:
        raise FileFault(f"has more than {megabytes(most)}, the largest size that is allowed")
    return data


def _check_text(kind: FileKind, text: str, limits: Mapping[str, Any]) -> None:
    scheme = _SCHEME.match(text[:100])
    named = scheme[1].lower() if scheme else ""
    if named in {"http", "https"}:
        return
    if named == "data":
        head = _DATA_URL.match(text[:4096])
        if head is None or head[1] is None:
            raise FileFault(f"is a data URL that is not in base64 (data:{kind.media_type};base64,…)")
        text = text[head.end() :]
    elif named:
        raise FileFault("is a URL with an unsupported scheme; send base64, a data URL or an https URL")
    most = limits["x-max-bytes"]
    # Three bytes are four characters, and line breaks add a little. A longer text is refused before it is decoded.
    if len(text) > most // 3 * 4 * 1.1 + 100:
        raise FileFault(f"has more than {megabytes(most)}, the largest size that is allowed")
    _check(kind, _decoded(text), limits)


def _decoded(text: str) -> bytes:
    bare = "".join(text.split())
    # The padding may be missing.
    bare += "=" * (-len(bare) % 4 if not bare.endswith("=") else 0)
    try:
        return base64.b64decode(bare, validate=True)
    except ValueError:
        raise FileFault(_NOT_BASE64) from None


def _check(kind: FileKind, data: bytes, limits: Mapping[str, Any]) -> None:
    if len(data) > limits["x-max-bytes"]:
        raise _too_large(len(data), limits["x-max-bytes"])
    problem = kind.problem(data, limits)
    if problem is not None:
        raise FileFault(problem)


def _too_large(size: int, most: int) -> FileFault:
    return FileFault(f"has {size:,} bytes; at most {megabytes(most)} are allowed")
