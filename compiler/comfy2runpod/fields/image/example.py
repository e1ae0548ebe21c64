"""The image in a package's example input: a small one, the same bytes on every machine.

The PNG is made by hand, because what a compressor writes differs between its versions. The others, for fields that take
no PNG, are the same disc as Pillow 12 once wrote it.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

_SIDE = 32
_JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAoHBwgHBgoICAgLCgoLDhgQDg0NDh0VFhEYIx8lJCIfIiEmKzcvJik0KSEiMEExNDk7Pj4+JS5E"
    "SUM8SDc9Pjv/wAALCAAgACABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABwAI/8QAIRAAAgEDBAMBAAAAAAAAAAAAAQMCBAURAAYhMQcSIjL/"
    "2gAIAQEAAD8AGdJm3vB18utKqqulam1Kcr3iorkx0TngSh8iORz+sjgEZzi3D4OvlqpW1VrrU3VSVe8lBclukc8iMPoSwOf1k8gDOMmekzwd"
    "t5F13NVXSqSlyrYqJXFmSYukfiYHRwIT76JiRyMjQGrWf/OO3kWrc1LdKVKUquapFkV5Bk6J+5kdDInDrsiRPJybwduFFq3NVWuqclKrmqIX"
    "JmQZOifiAPQyJz77IiBycHQGrWf/ADjuFF13NS2ulclyrYqQZJeSYukfuBPRwIQ66JkDyMAz0mbe843y1UqqW6USbqpKvSLSyS3SOeDKf0JY"
    "HH5yeCTnObcPnG+XWlbS2uiTalOV6SaGSY6JzyYz+RHI4/ORyQc4wZ6//9k="
)
_WEBP = (
    "UklGRlQAAABXRUJQVlA4TEcAAAAvH8AHAA8w//M///MfeGAUyVacAbIcIwlpIA0pX0IEUMwpi4SI/k8A3+OEWWE1ULqmoSX0fLr1+if0fBpa"
    "uiYUVoNZIU6+AwA="
)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _stored(content: bytes) -> bytes:
    """A zlib stream of one block that is not compressed."""
    length = len(content)
    block = struct.pack("<BHH", 1, length, length ^ 0xFFFF) + content
    return b"\x78\x01" + block + struct.pack(">I", zlib.adler32(content))


def _disc() -> bytes:
    """A white disc on black, one bit a pixel, each row behind its filter byte."""
    rows = []
    for y in range(_SIDE):
        bits = "".join("1" if (2 * x - 31) ** 2 + (2 * y - 31) ** 2 < 24**2 else "0" for x in range(_SIDE))
        rows.append(b"\0" + int(bits, 2).to_bytes(_SIDE // 8, "big"))
    return b"".join(rows)


def _png() -> bytes:
    header = struct.pack(">IIBBBBB", _SIDE, _SIDE, 1, 0, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", _stored(_disc())), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def example_image(formats: Sequence[str]) -> str:
    """The image in one of the formats, base64: of 32 x 32 pixels and less than a kilobyte."""
    if "png" in formats:
        return base64.b64encode(_png()).decode("ascii")
    return _JPEG if "jpeg" in formats else _WEBP
