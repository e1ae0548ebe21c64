"""A PNG's key colour (tRNS) is what is transparent, whatever the bits of its pixels are; or the image is refused."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image

from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.kinds.image import ImageInput
from comfy2runpod_runtime.inputs.kinds.image.decode import image_png

LIMITS = ImageInput(max_bytes=1_000_000, max_pixels=1_000_000, max_aspect=50, formats=("png",))


def _png(width: int, depth: int, colours: int, row: bytes, key: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, 1, depth, colours, 0, 0, 0)
    parts = ((b"IHDR", head), (b"tRNS", key), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize(
    ("depth", "values", "key"),
    [
        *((1, [0, 1], key) for key in range(2)),
        *((2, [0, 1, 2, 3], key) for key in range(4)),
        *((4, [0, 5, 10, 15], key) for key in (5, 15)),
        *((8, [0, 85, 90, 255], key) for key in (90, 255)),
    ],
)
def test_what_has_the_key_colour_is_transparent(depth: int, values: list[int], key: int) -> None:
    bits = "".join(f"{value:0{depth}b}" for value in values)
    row = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    png = image_png(_png(len(values), depth, 0, row, struct.pack(">H", key)), LIMITS)
    with Image.open(BytesIO(png)) as image:
        pixels = [image.getpixel((x, 0)) for x in range(len(values))]
    greys = [value * 255 // (2**depth - 1) for value in values]
    assert pixels == [(grey, grey, grey, 0 if value == key else 255) for value, grey in zip(values, greys, strict=True)]


@pytest.mark.parametrize(
    "data",
    [
        _png(2, 16, 2, struct.pack(">6H", 0x1234, 0x2345, 0x3456, 1, 2, 3), struct.pack(">3H", 0x1234, 0x2345, 0x3456)),
        _png(2, 16, 0, struct.pack(">2H", 0x1234, 5), struct.pack(">H", 0x1234)),
    ],
)
def test_a_key_colour_that_eight_bits_cannot_tell_is_refused(data: bytes) -> None:
    with pytest.raises(MediaRefused, match="has a 16-bit key colour"):
        image_png(data, LIMITS)
