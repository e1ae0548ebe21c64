"""Images of a request: format and size are read from a file's header. The worker checks the decoded image."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, TypeAlias

from .contract import FORMAT_LABELS, LONGEST_IMAGE_SIDE
from .files import File, FileKind
from .wording import image_size_problem

# A path, an open file, the file's bytes, or a string: an https URL, a data URL, or base64.
Image: TypeAlias = File


def _problem(data: bytes, limits: Mapping[str, Any]) -> str | None:
    form, accepted = _format(data), limits["x-formats"]
    if form is None or form not in accepted:
        names = [FORMAT_LABELS.get(one, one) for one in accepted]
        takes = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        what = (
            "empty"
            if not data
            else f"a {FORMAT_LABELS[form]}"
            if form is not None
            else "not an image of a known format"
        )
        return f"is {what}; it must be a {takes} image"
    width, height = _size(form, data)
    return image_size_problem(width, height, limits["x-max-pixels"], limits["x-max-aspect"], LONGEST_IMAGE_SIDE)


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


IMAGES = FileKind("image", "image/png", _problem)
