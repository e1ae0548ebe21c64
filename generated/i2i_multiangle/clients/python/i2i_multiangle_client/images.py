"""Encodes the images of a request, and checks them against the endpoint's limits before anything is sent.

Only the header of a file is read here. The worker checks the decoded image.
"""

from __future__ import annotations

import base64
import os
import re
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from .checks import refuse
from .contract import IMAGE_LABELS, LONGEST_IMAGE_SIDE
from .errors import Detail, InputRefused
from .wording import image_size_problem, megabytes

# A path, the file's bytes, or a string: an https URL, a data URL, or base64.
Image: TypeAlias = str | bytes | os.PathLike[str]


# The limit for a file that is not checked: larger than any request.
_MAX_BYTES = 100_000_000
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_DATA_URL = re.compile(r"\s*data:[^,;]{0,200}(?:;[^,;]{1,200}){0,10}?(;base64)?,", re.IGNORECASE)
_NOT_BASE64 = "is neither base64 nor a URL; send base64, a data URL or an https URL, or a file as a pathlib.Path"


@dataclass(frozen=True)
class ImageLimits:
    """The limits of an image field."""

    max_bytes: int
    max_pixels: int
    max_aspect: float
    formats: tuple[str, ...]


class _Fault(Exception):
    """What is wrong with an image, with the worker's message."""


def image_fields(schema: Mapping[str, object]) -> dict[str, ImageLimits]:
    """Returns the image fields of an input's JSON Schema, with their limits."""
    properties = cast("Mapping[str, Mapping[str, Any]]", schema.get("properties", {}))
    return {
        name: ImageLimits(one["x-max-bytes"], one["x-max-pixels"], one["x-max-aspect"], tuple(one["x-formats"]))
        for name, one in properties.items()
        if one.get("x-media") == "image"
    }


def encoded(
    request: Mapping[str, object], images: Mapping[str, ImageLimits], *, check: bool = True
) -> dict[str, object]:
    """Encodes the images of a request, and reads those that are given as paths.

    Args:
        request: the request.
        images: the image fields.
        check: whether to check the images.

    Raises:
        InvalidInput: an image exceeds a limit of its field, or has another format.
        InputRefused: a file cannot be read.
    """
    sent = dict(request)
    faults: list[Detail] = []
    for name, limits in images.items():
        value = sent.get(name)
        try:
            if isinstance(value, (bytes, os.PathLike)):
                data = (
                    value if isinstance(value, bytes) else _read(name, value, limits.max_bytes if check else _MAX_BYTES)
                )
                if check:
                    _check(data, limits)
                sent[name] = base64.b64encode(data).decode("ascii")
            elif isinstance(value, str) and check:
                _check_text(value, limits)
        except _Fault as fault:
            faults.append(Detail(str(fault), name))
    refuse(faults)
    return sent


def _read(name: str, given: os.PathLike[str], most: int) -> bytes:
    try:
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


def _check_text(text: str, limits: ImageLimits) -> None:
    scheme = _SCHEME.match(text[:100])
    kind = scheme[1].lower() if scheme else ""
    if kind in {"http", "https"}:
        return
    if kind == "data":
        head = _DATA_URL.match(text[:4096])
        if head is None or head[1] is None:
            raise _Fault("is a data URL that is not in base64 (data:image/png;base64,…)")
        text = text[head.end() :]
    elif kind:
        raise _Fault("is a URL with an unsupported scheme; send base64, a data URL or an https URL")
    # Three bytes are four characters, and line breaks add a little. A longer text is refused before it is decoded.
    if len(text) > limits.max_bytes // 3 * 4 * 1.1 + 100:
        raise _Fault(f"has more than {megabytes(limits.max_bytes)}, the largest size that is allowed")
    _check(_decoded(text), limits)


def _decoded(text: str) -> bytes:
    bare = "".join(text.split())
    # The padding may be missing.
    bare += "=" * (-len(bare) % 4 if not bare.endswith("=") else 0)
    try:
        return base64.b64decode(bare, validate=True)
    except ValueError:
        raise _Fault(_NOT_BASE64) from None


def _check(data: bytes, limits: ImageLimits) -> None:
    if len(data) > limits.max_bytes:
        raise _too_large(len(data), limits.max_bytes)
    form = _format(data)
    if form is None or form not in limits.formats:
        names = [IMAGE_LABELS.get(one, one) for one in limits.formats]
        takes = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        what = (
            "empty" if not data else f"a {IMAGE_LABELS[form]}" if form is not None else "not an image of a known format"
        )
        raise _Fault(f"is {what}; it must be a {takes} image")
    problem = image_size_problem(*_size(form, data), limits.max_pixels, limits.max_aspect, LONGEST_IMAGE_SIDE)
    if problem is not None:
        raise _Fault(problem)


def _too_large(size: int, most: int) -> _Fault:
    return _Fault(f"has {size:,} bytes; at most {megabytes(most)} are allowed")


def _format(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _size(form: str, data: bytes) -> tuple[int, int]:
    """Reads width and height from a file's header; 0, 0 if it is damaged, which the worker then reports."""
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
        # All start-of-frame markers; DHT, JPG and DAC are in the same range.
        if 0xFFC0 <= marker <= 0xFFCF and marker not in {0xFFC4, 0xFFC8, 0xFFCC}:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        # Skips a fill byte.
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
