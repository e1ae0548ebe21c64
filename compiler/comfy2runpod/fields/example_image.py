"""The image in a package's example input: a small PNG, the same bytes on every machine.

Made by hand, because what a compressor writes differs between its versions.
"""

from __future__ import annotations

import base64
import struct
import zlib

_SIDE = 32


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


def example_image() -> str:
    """The image, base64."""
    return base64.b64encode(_png()).decode("ascii")
