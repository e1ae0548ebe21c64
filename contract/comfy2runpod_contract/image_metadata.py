"""PNG and JPEG without what they tell beside their pixels: only the parts that a picture is made of are copied.

ComfyUI writes the prompt, and the editor the whole graph, into the images that they save.
"""

from __future__ import annotations

import re
import struct

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8"
# What is shown, and in which colours; of an animation, when. Not: texts, EXIF, times, and chunks of programs' own.
_PNG_PARTS = frozenset(
    {
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"bKGD", b"hIST", b"sPLT", b"pHYs",
        b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"cICP", b"mDCV", b"cLLI",
    }
)  # fmt: skip
_PNG_PROFILE = b"iCCP"
# Markers of JPEG: the end, and those whose segment is no part of the picture.
_END, _COMMENT, _APPLICATION = 0xD9, 0xFE, range(0xE0, 0xF0)
_JFIF, _COLOURS, _ADOBE = 0xE0, 0xE2, 0xEE
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")


def png_pixels(content: bytes, *, profile: bool) -> bytes:
    """A PNG with the chunks of its pixels alone.

    Args:
        content: the file. Whatever follows its end is left out.
        profile: whether a colour profile stays, which may hold texts.

    Raises:
        ValueError, struct.error: its chunks do not fit together.
    """
    parts = _PNG_PARTS | {_PNG_PROFILE} if profile else _PNG_PARTS
    kept, at = [content[: len(PNG_START)]], len(PNG_START)
    while at < len(content):
        # Length, name, data, checksum.
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content):
            raise ValueError("a chunk goes on beyond the end")
        if name in parts:
            kept.append(content[at:end])
        at = end
        if name == b"IEND":
            break
    return b"".join(kept)


def jpeg_pixels(content: bytes, *, profile: bool) -> bytes:
    """A JPEG with the segments of its pixels alone.

    Args:
        content: the file. Whatever follows its end is left out.
        profile: whether a colour profile stays, which may hold texts.

    Raises:
        ValueError, struct.error: its segments do not fit together, or it has no end.
    """
    kept, at = [content[: len(JPEG_START)]], len(JPEG_START)
    while True:
        found = _MARKER.search(content, at)
        if found is None:
            raise ValueError("there is no end")
        # Up to it is the data of a scan, or nothing.
        kept.append(content[at : found.start()])
        marker = content[found.end() - 1]
        if marker == _END:
            return b"".join([*kept, b"\xff\xd9"])
        (length,) = struct.unpack_from(">H", content, found.end())
        end = found.end() + length
        if length < 2 or end > len(content):  # noqa: PLR2004 - the length counts its own two bytes
            raise ValueError("a segment goes on beyond the end")
        if _is_of_jpeg(marker, content[found.end() + 2 : end], profile=profile):
            kept += [b"\xff", content[found.end() - 1 : end]]
        at = end


def _is_of_jpeg(marker: int, data: bytes, *, profile: bool) -> bool:
    if marker in _APPLICATION:
        names = {_JFIF: b"JFIF\0", _ADOBE: b"Adobe"} | ({_COLOURS: b"ICC_PROFILE\0"} if profile else {})
        return marker in names and data.startswith(names[marker])
    return marker != _COMMENT
