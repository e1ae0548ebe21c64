"""A file of a request: reads and encodes it, and checks it against the limits of its field before anything is sent.

This is the same for every kind of file; a module a kind has what the kind adds.
"""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeGuard

from .errors import InputRefused
from .file_texts import FileTextError, NotBase64, base64_in, check_size, decode_base64, too_large


class Readable(Protocol):
    """A file that is open in binary mode, or what reads like one."""

    def read(self, size: int, /) -> bytes:
        """Returns at most `size` bytes."""


# A path, an open file in binary mode, the file's bytes, or a string: an https URL, a data URL, or base64.
File: TypeAlias = str | bytes | os.PathLike[str] | Readable

# The limit for a file that is not checked: larger than any request.
_MAX_BYTES = 100_000_000
_OR_A_PATH = ", or a file as a pathlib.Path"


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
        _check_size(status.st_size, most)
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
        raise FileFault(str(too_large(most)))
    return data


def _check_text(kind: FileKind, text: str, limits: Mapping[str, Any]) -> None:
    try:
        encoded = base64_in(text, f"data:{kind.media_type};base64,…")
        if encoded is not None:
            _check(kind, decode_base64(encoded, limits["x-max-bytes"]), limits)
    except NotBase64 as error:
        raise FileFault(f"{error}{_OR_A_PATH}") from None
    except FileTextError as error:
        raise FileFault(str(error)) from None


def _check(kind: FileKind, data: bytes, limits: Mapping[str, Any]) -> None:
    _check_size(len(data), limits["x-max-bytes"])
    problem = kind.problem(data, limits)
    if problem is not None:
        raise FileFault(problem)


def _check_size(size: int, most: int) -> None:
    try:
        check_size(size, most)
    except FileTextError as error:
        raise FileFault(str(error)) from None
