"""A picture for a package's README, without what it says beside its pixels.

ComfyUI writes the whole graph with its notes into the images that it saves: text chunks, EXIF and comments stay out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MOST_BYTES = 2_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
# What an image needs to look as it does, by the PNG specification.
_PNG_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs"})
_PNG_FRAME = 12
_JPEG = b"\xff\xd8"
_SOS, _EOI, _COM, _FIRST_APP, _LAST_APP = 0xDA, 0xD9, 0xFE, 0xE0, 0xEF
# JFIF, and Adobe's, which tells how the colours are meant.
_JPEG_APPS = frozenset({0xE0, 0xEE})
_FIRST_RESTART, _LAST_RESTART = 0xD0, 0xD7


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of a package: where it lies in it, and its bytes."""

    path: str
    data: bytes


class PictureRefused(ValueError):
    """What a picture has that a README cannot show."""


def readme_picture(data: bytes) -> Picture:
    """A picture as a package has it.

    Args:
        data: a PNG or JPEG file.

    Raises:
        PictureRefused: it is neither, too large, or cut off.
    """
    if len(data) > MOST_BYTES:
        raise PictureRefused(f"it has more than {MOST_BYTES // 10**6} MB")
    if data.startswith(_PNG):
        return Picture("docs/picture.png", _PNG + b"".join(_png_chunks(data)))
    if data.startswith(_JPEG):
        return Picture("docs/picture.jpg", b"".join(_jpeg_parts(data)))
    raise PictureRefused("it is neither PNG nor JPEG")


def _png_chunks(data: bytes) -> Iterator[bytes]:
    at = len(_PNG)
    while at + _PNG_FRAME <= len(data):
        kind = data[at + 4 : at + 8]
        end = at + _PNG_FRAME + int.from_bytes(data[at : at + 4])
        if end > len(data):
            break
        if kind in _PNG_CHUNKS:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end
    raise PictureRefused("it is cut off")


def _jpeg_parts(data: bytes) -> Iterator[bytes]:
    yield _JPEG
    at = len(_JPEG)
    while at + 4 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - the first byte of a marker
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == _SOS:
            end = _next_marker(data, end)
        if end > len(data):
            break
        if marker != _COM and (not _FIRST_APP <= marker <= _LAST_APP or marker in _JPEG_APPS):
            yield data[at:end]
        if data[end : end + 2] == bytes([0xFF, _EOI]):
            yield data[end : end + 2]
            return
        at = end
    raise PictureRefused("it is cut off")


def _next_marker(data: bytes, at: int) -> int:
    """Where the compressed pixels end that begin here: in them, 0xFF stands before a zero or a restart alone."""
    while (at := data.find(0xFF, at)) >= 0 and at + 1 < len(data):
        following = data[at + 1]
        if following != 0 and not _FIRST_RESTART <= following <= _LAST_RESTART:
            return at
        at += 2
    raise PictureRefused("it is cut off")
