"""Real images of every kind, whole and broken, made by Pillow and by hand."""

from __future__ import annotations

import base64
import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

ORIENTATION = 0x0112


def drawn(mode: str = "RGB", size: tuple[int, int] = (48, 32)) -> Image.Image:
    """An image that no turn or mirror leaves as it is."""
    width, height = size
    image = Image.new("RGB", size)
    image.putdata([(x * 5 % 256, y * 7 % 256, (x + y) % 256) for y in range(height) for x in range(width)])
    if mode == "RGBA":
        alpha = Image.new("L", size)
        alpha.putdata([(x * y) % 256 for y in range(height) for x in range(width)])
        image.putalpha(alpha)
        return image
    return image.convert(mode)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def turned(orientation: int, kind: str = "JPEG") -> bytes:
    """An image whose EXIF says how to turn it."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return saved(drawn(), kind, exif=exif)


def film(kind: str) -> bytes:
    """Three images in one file."""
    frames = [drawn().rotate(angle) for angle in (0, 90, 180)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, depth: int = 8, colour: int = 2, data: bytes = b"", *extra: bytes) -> bytes:
    """A PNG by hand: its header says what it says, whatever follows."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def opened(text: object) -> Image.Image:
    image = Image.open(BytesIO(base64.b64decode(str(text))))
    image.load()
    return image
