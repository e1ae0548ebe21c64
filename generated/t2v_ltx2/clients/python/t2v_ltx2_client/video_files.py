"""Videos of an input: the container, detected from its first bytes, and the messages about exceeded limits.

Alike in the worker and in its clients.
"""

from __future__ import annotations

from collections.abc import Sequence

# Clients carry this module as it is.

_BRAND_AT = 8
# Brands of ISO base media files that are not videos.
_IMAGES = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"})
# How a QuickTime file without a brand begins.
_OLD_QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_EBML = b"\x1aE\xdf\xa3"
_DOC_TYPE = b"\x42\x82"
_DOC_TYPES = {b"webm": "webm", b"matroska": "mkv"}
# In bytes: an EBML header is some 40 long.
_LONGEST_HEADER = 4096


def video_format(data: bytes) -> str | None:
    """The container of a file, by its content: a name of `VIDEO_FORMATS`, None if it is none of them."""
    kind = bytes(data[4:8])
    if kind == b"ftyp":
        brand = bytes(data[_BRAND_AT : _BRAND_AT + 4])
        if brand in _IMAGES:
            return None
        return "mov" if brand == b"qt  " else "mp4"
    if kind in _OLD_QUICKTIME:
        return "mov"
    return _ebml_format(bytes(data[:_LONGEST_HEADER])) if data[:4] == _EBML else None


def _ebml_format(data: bytes) -> str | None:
    """The document type that an EBML header names."""
    at, (size, width) = 4, _vint(data, 4)
    at += width
    end = min(len(data), at + size)
    while at < end and width:
        # The ids in this header have one byte or two.
        length = 1 if data[at] & 0x80 else 2
        name = data[at : at + length]
        size, width = _vint(data, at + length)
        at += length + width
        if name == _DOC_TYPE:
            return _DOC_TYPES.get(data[at : at + size].rstrip(b"\0"))
        at += size
    return None


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """A number of EBML's form, and how many bytes it has; 0 bytes where there is none."""
    first = data[at] if at < len(data) else 0
    if not first:
        return 0, 0
    width = 9 - first.bit_length()
    return int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1), width


def video_format_problem(found: str, labels: Sequence[str]) -> str:
    """What is wrong with a file that is not an accepted video.

    Args:
        found: what it is, in words: `a GIF`, `a WebM video`.
        labels: the accepted containers, as sentences have them.
    """
    listed = [with_article(labels[0]), *labels[1:]]
    accepted = listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} or {listed[-1]}"
    return f"is {found}; it must be {accepted} video"


def with_article(label: str) -> str:
    """A container, as sentences have it, with its article."""
    return f"{'an' if label == 'MP4' else 'a'} {label}"


def video_length_problem(seconds: float, max_seconds: float) -> str:
    """What is wrong with a video that is too long."""
    return f"lasts {seconds:.1f} s; at most {max_seconds:g} s are allowed"
