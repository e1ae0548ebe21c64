"""Names the type of a file that a field does not accept, from its first bytes, for the message to the caller."""

from __future__ import annotations

# Offset, bytes, name. The first that fits counts.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GIF8", "a GIF (which can hold several images)"),
    (0, b"BM", "a BMP"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (4, b"ftypavif", "an AVIF"),
    (4, b"ftypheic", "a HEIC"),
    (4, b"ftypheix", "a HEIC"),
    (4, b"ftypmif1", "a HEIF"),
    (4, b"ftyp", "a video"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%PDF", "a PDF"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"<svg", "an SVG"),
    (0, b"<?xml", "an XML text"),
    (0, b"<!doctype html", "a web page"),
    (0, b"<html", "a web page"),
)


def file_description(data: bytes) -> str | None:
    """What a file is, in words for `is …`; None if its first bytes do not tell."""
    if not data:
        return "empty"
    start = data[:64].lstrip()
    for at, mark, name in _SIGNATURES:
        head = start if at == 0 else data[at : at + len(mark)]
        if head[: len(mark)].lower() == mark.lower():
            return name
    return None
