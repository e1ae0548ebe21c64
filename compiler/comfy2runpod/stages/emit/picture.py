"""A picture for a package's README, without what it says beside its pixels.

ComfyUI writes the whole graph with its notes into the images that it saves: text chunks, EXIF and comments stay out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from comfy2runpod_contract.image_metadata import JPEG_START, PNG_START, jpeg_pixels, png_pixels

MOST_BYTES = 2_000_000
_PNG_END = b"IEND\xaeB`\x82"


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
    try:
        if data.startswith(PNG_START):
            return Picture("docs/picture.png", _whole_png(data))
        if data.startswith(JPEG_START):
            return Picture("docs/picture.jpg", jpeg_pixels(data, profile=False))
    except (ValueError, struct.error):
        raise PictureRefused("it is cut off") from None
    raise PictureRefused("it is neither PNG nor JPEG")


def _whole_png(data: bytes) -> bytes:
    pixels = png_pixels(data, profile=False)
    if not pixels.endswith(_PNG_END):
        raise ValueError("there is no end")
    return pixels
