"""Images without what they tell beside their pixels: only the parts that a picture is made of are copied.

Each function returns None for a file that has no other parts, and raises ValueError or struct.error for one whose parts
do not fit together.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from comfy2runpod_contract.image_metadata import jpeg_pixels, png_pixels

_WEBP_PARTS = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
# Of VP8X, the bits that announce EXIF and XMP.
_WEBP_ANNOUNCED = 0x08 | 0x04
# A frame's chunks come behind its place, size and duration.
_FRAME_HEADER = 16
# What begins a part of a GIF, the label of the one that tells when a frame is shown, and the label of a program's own.
_GIF_IMAGE, _GIF_EXTENSION, _GIF_END = 0x2C, 0x21, 0x3B
_GIF_CONTROL, _GIF_APPLICATION = 0xF9, 0xFF
# How often an animation is repeated.
_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def png(content: bytes) -> bytes | None:
    """`png_pixels`, with the colour profile."""
    return _if_changed(png_pixels(content, profile=True), content)


def jpeg(content: bytes) -> bytes | None:
    """`jpeg_pixels`, with the colour profile."""
    return _if_changed(jpeg_pixels(content, profile=True), content)


def webp(content: bytes) -> bytes | None:
    """RIFF: name, length and data of each chunk, the data padded to an even length."""
    (length,) = struct.unpack_from("<I", content, 4)
    body = b"WEBP" + _webp_chunks(content[12 : 8 + length])
    return _if_changed(b"RIFF" + struct.pack("<I", len(body)) + body, content)


def _webp_chunks(content: bytes) -> bytes:
    kept = bytearray()
    for name, data in _riff(content):
        if name not in _WEBP_PARTS:
            continue
        if name == b"VP8X":
            data = bytes([data[0] & ~_WEBP_ANNOUNCED]) + data[1:]  # noqa: PLW2901 - the same chunk
        if name == b"ANMF":
            data = data[:_FRAME_HEADER] + _webp_chunks(data[_FRAME_HEADER:])  # noqa: PLW2901
        kept += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return bytes(kept)


def _riff(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        if at + 8 + length > len(content):
            raise ValueError("a chunk goes on beyond the end")
        yield name, content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def gif(content: bytes) -> bytes | None:
    """A header with a palette; then images and extensions, each of blocks of up to 255 bytes."""
    at = 13 + _palette(content[10])
    kept = [content[:at]]
    control: list[bytes] = []
    while content[at] != _GIF_END:
        start = at
        if content[at] == _GIF_IMAGE:
            at = _blocks_end(content, at + 11 + _palette(content[at + 9]))
            kept += [*control, content[start:at]]
            control = []
            continue
        if content[at] != _GIF_EXTENSION:
            raise ValueError("a part is neither an image nor an extension")
        label = content[at + 1]
        at = _blocks_end(content, at + 2)
        if label == _GIF_CONTROL:
            # It belongs to the image that follows; a text that follows is taken out with it.
            control = [content[start:at]]
        elif label != _GIF_APPLICATION:
            control = []
        elif content[start + 3 : start + 14] in _GIF_LOOPS:
            kept.append(content[start:at])
    return _if_changed(b"".join([*kept, bytes([_GIF_END])]), content)


def _palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _blocks_end(content: bytes, at: int) -> int:
    while content[at]:
        at += 1 + content[at]
    return at + 1


def _if_changed(new: bytes, old: bytes) -> bytes | None:
    return None if new == old else new
