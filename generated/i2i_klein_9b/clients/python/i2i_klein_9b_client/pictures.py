"""Pictures on their way to an endpoint: checked against its limits before anything is sent.

The worker checks again, on the decoded picture; what is looked at here is only what a file's head says.
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from .errors import InputRefused

# A path, the file's bytes, or a text: an https URL, a data URL, or base64.
Picture: TypeAlias = str | bytes | os.PathLike[str]


@dataclass(frozen=True)
class PictureLimits:
    """What a field's picture may be."""

    max_bytes: int
    max_pixels: int
    max_aspect: float
    formats: tuple[str, ...]


def encoded(request: Mapping[str, object], pictures: Mapping[str, PictureLimits]) -> dict[str, object]:
    """A request as it is sent: its pictures as the texts that the endpoint takes. Reads files.

    Raises:
        InputRefused: a picture is larger or longer than its field takes, or of another format; or cannot be read.
    """
    sent = dict(request)
    for name, limits in pictures.items():
        value = sent.get(name)
        if isinstance(value, bytes):
            sent[name] = _text(name, value, limits)
        elif isinstance(value, os.PathLike):
            sent[name] = _text(name, _read(name, Path(value), limits), limits)
        elif isinstance(value, str):
            _check_text(name, value, limits)
    return sent


def _read(name: str, path: Path, limits: PictureLimits) -> bytes:
    try:
        size = path.stat().st_size
        if size > limits.max_bytes:
            raise _too_large(name, size, limits)
        return path.read_bytes()
    except OSError as error:
        raise InputRefused(f"{name}: {path} cannot be read: {error.strerror}") from None


def _text(name: str, data: bytes, limits: PictureLimits) -> str:
    _check(name, data, limits)
    return base64.b64encode(data).decode("ascii")


def _check_text(name: str, text: str, limits: PictureLimits) -> None:
    if text.startswith(("https://", "http://")):
        return
    content = text.partition(",")[2] if text.startswith("data:") else text
    try:
        data = base64.b64decode("".join(content.split()), validate=True)
    except ValueError:
        raise InputRefused(
            f"{name}: this text is neither base64, nor a data URL, nor an https URL; give a file as a pathlib.Path"
        ) from None
    _check(name, data, limits)


def _check(name: str, data: bytes, limits: PictureLimits) -> None:
    if len(data) > limits.max_bytes:
        raise _too_large(name, len(data), limits)
    form = _format(data)
    if form not in limits.formats:
        takes = ", ".join(limits.formats)
        raise InputRefused(f"{name}: the file is {form or 'no picture that is known here'}; this field takes {takes}")
    width, height = _size(form, data)
    if width * height > limits.max_pixels:
        raise InputRefused(
            f"{name}: the picture has {width} x {height} pixels; this field takes {limits.max_pixels:,} in all"
        )
    if max(width, height) > limits.max_aspect * min(width, height):
        raise InputRefused(
            f"{name}: the picture has {width} x {height} pixels; the longer side may be {limits.max_aspect:g} times as "
            "long as the shorter"
        )


def _too_large(name: str, size: int, limits: PictureLimits) -> InputRefused:
    return InputRefused(f"{name}: the file has {size:,} bytes; this field takes {limits.max_bytes:,}")


def _format(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _size(form: str, data: bytes) -> tuple[int, int]:
    """Width and height as a file's head says; 0, 0 where it does not: the worker then says what is wrong with it."""
    try:
        if form == "png":
            width, height = struct.unpack_from(">II", data, 16)
            return width, height
        return _jpeg_size(data) if form == "jpeg" else _webp_size(data)
    except (struct.error, IndexError):
        return 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", data, at)
        # Every start of a frame, but the tables DHT, JPG and DAC that lie between them.
        if 0xFFC0 <= marker <= 0xFFCF and marker not in {0xFFC4, 0xFFC8, 0xFFCC}:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        # A byte of filling before a marker is a step of one.
        at += 1 if marker == 0xFFFF else 2 + length


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF
