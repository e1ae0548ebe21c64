"""Image files, right ones and wrong ones, as a person might choose them."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def image(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    """An image of some size."""
    out = BytesIO()
    Image.new(mode, size, 90).save(out, kind) if mode == "L" else Image.new(mode, size, (90, 140, 200)).save(out, kind)
    return out.getvalue()


def lossless_webp(size: tuple[int, int] = (40, 30)) -> bytes:
    """A WebP whose size is written in another way."""
    out = BytesIO()
    Image.new("RGB", size, (90, 140, 200)).save(out, "WEBP", lossless=True)
    return out.getvalue()


def extended_webp(size: tuple[int, int] = (40, 30)) -> bytes:
    """A WebP with metadata, whose size is written in a third way."""
    out = BytesIO()
    Image.new("RGB", size, (90, 140, 200)).save(out, "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
    return out.getvalue()


def animated(kind: str) -> bytes:
    """Two images in one file."""
    first, second = (Image.new("RGB", (40, 30), (colour, 0, 0)) for colour in (0, 250))
    out = BytesIO()
    first.save(out, kind, save_all=True, append_images=[second], duration=100)
    return out.getvalue()
