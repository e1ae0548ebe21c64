"""An image's bytes -> the PNG that ComfyUI gets.

Whatever comes in is decoded whole, here, and written anew: upright, in RGB or RGBA with 8 bits, without metadata. So
LoadImage sees one kind of file, and no decoder inside ComfyUI meets a caller's bytes. What decoding may cost is bounded
by who calls this: a process of its own (`decoder.py`).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import TypeAlias

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from comfy2runpod_runtime.inputs.limits import ImageLimits
from comfy2runpod_runtime.inputs.refused import InputRefused, megabytes

# What ComfyUI's nodes take as a width or height at most (MAX_RESOLUTION).
_LONGEST_SIDE = 16384
_ORIENTATION = 0x0112
_PNG = b"\x89PNG\r\n\x1a\n"
# A PNG's colour types that may have a key colour.
_GREY, _RGB = 0, 2
# Of chunks and segments: so many, and one more for each so many bytes. Encoders write IDAT by 4 KB and more.
_PARTS, _LEAST_PART = 1000, 500
# A JPEG has ten scans; the most that an optimizer was seen to write are some dozens.
_SCANS = 500

Opener: TypeAlias = Callable[[BytesIO], ImageFile]

# One decoder a format, by the file's own first bytes: no other of Pillow's decoders ever sees a caller's file.
_OPENERS: Mapping[str, Opener] = {"png": PngImageFile, "jpeg": JpegImageFile, "webp": WebPImageFile}
_NAMES: Mapping[str, str] = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}

# Other things that come in an image's place, to say what they are: where they are told by, and their name.
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
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

# The steps that bring an image upright again, by the EXIF tag.
_UPRIGHT: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What Pillow raises on broken files.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
    zlib.error,
)


def image_png(data: bytes, limits: ImageLimits) -> bytes:
    """Checks an image and writes it anew.

    Args:
        data: the file, of whatever format.
        limits: what the field takes.

    Raises:
        InputRefused: it is too large, not of an allowed format, animated, of a kind that LoadImage would misread, or
            not whole.
    """
    if len(data) > limits.max_bytes:
        raise InputRefused(f"has {len(data):,} bytes; at most {megabytes(limits.max_bytes)} are taken")
    kind = _kind(data, limits.formats)
    _check_parts(kind, data)
    try:
        if kind == "png":
            with PngImageFile(BytesIO(data)) as image:
                # Every chunk's checksum; decoding alone looks at few of them.
                image.verify()
        with _OPENERS[kind](BytesIO(data)) as image:
            _check_size(image.width, image.height, limits)
            frames = int(getattr(image, "n_frames", 1))
            if frames > 1:
                raise InputRefused(f"is animated: it holds {frames} images, and one is expected")
            image.load()
            if kind == "png":
                _scale_key(image, data)
            return _png(_plain(_upright(image)))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Some decoders look at the size before they tell it.
        raise InputRefused(f"has more than {limits.max_pixels / 1e6:g} megapixels, the most that are taken") from error
    except _BROKEN as error:
        raise InputRefused(f"is not a whole {_NAMES[kind]} image; it is cut off or damaged") from error


def listed(formats: tuple[str, ...]) -> str:
    """Formats in words: `PNG, JPEG or WebP`."""
    names = [_NAMES[name] for name in formats]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _kind(data: bytes, formats: tuple[str, ...]) -> str:
    found = None
    if data.startswith(_PNG):
        found = "png"
    elif data.startswith(b"\xff\xd8\xff"):
        found = "jpeg"
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        found = "webp"
    if found in formats:
        return str(found)
    what = f"a {_NAMES[found]}" if found is not None else _other(data)
    raise InputRefused(f"is {what}; it must be a {listed(formats)} image")


def _check_parts(kind: str, data: bytes) -> None:
    """Before a decoder looks at each: a file can be made of a million empty parts, or be drawn over thousands of times.

    What is beyond these bounds is no image that anybody saved; what is within them costs what its pixels cost.
    """
    if kind == "png":
        at, step, most = len(_PNG), 12, _PARTS + len(data) // _LEAST_PART
        lengths = _chunk_length
    elif kind == "jpeg":
        at, step, most = 2, 2, _PARTS + len(data) // _LEAST_PART
        lengths = _segment_length
        # Within an image's own data this mark cannot stand; in what was put beside it, it can by chance.
        scans = data.count(b"\xff\xda")
        if scans > (most_scans := _SCANS + len(data) // 20_000):
            raise InputRefused(f"is drawn in more than {most_scans:,} scans, as no image is")
    else:
        return
    count = 0
    while (length := lengths(data, at)) is not None:
        at, count = at + step + length, count + 1
        if count > most:
            raise InputRefused(f"is made of more than {most:,} parts, as no image is")


def _chunk_length(data: bytes, at: int) -> int | None:
    """A PNG's chunk, without the twelve bytes around it; None at the end."""
    return int.from_bytes(data[at : at + 4], "big") if at + 8 <= len(data) else None


def _segment_length(data: bytes, at: int) -> int | None:
    """A JPEG's segment, without its two bytes of marker; None where the image begins."""
    if data[at : at + 1] != b"\xff" or data[at + 1 : at + 2] in (b"\xda", b"\xd9", b""):
        return None
    # A marker may be filled up, and may stand alone.
    if data[at + 1] in (0x01, 0xFF, *range(0xD0, 0xD8)):
        return 0 if data[at + 1] != 0xFF else -1  # noqa: PLR2004 - JPEG's own numbers
    return int.from_bytes(data[at + 2 : at + 4], "big")


def _other(data: bytes) -> str:
    if not data:
        return "empty"
    start = data[:64].lstrip()
    for at, mark, name in _OTHERS:
        head = start if at == 0 else data[at : at + len(mark)]
        if head[: len(mark)].lower() == mark.lower():
            return name
    return "no image of a known format"


def _check_size(width: int, height: int, limits: ImageLimits) -> None:
    """Before anything is decoded: a few bytes can announce an image that fills the memory."""
    if width * height > limits.max_pixels:
        has, most = f"{width * height / 1e6:.1f}", f"{limits.max_pixels / 1e6:g}"
        if float(has) <= float(most):
            has, most = f"{width * height / 1e6}", f"{limits.max_pixels / 1e6}"
        raise InputRefused(f"{width}x{height} has {has} megapixels; at most {most} are taken")
    if max(width, height) > _LONGEST_SIDE:
        raise InputRefused(f"{width}x{height} is longer than {_LONGEST_SIDE:,} pixels on a side")
    if max(width, height) > limits.max_aspect * min(width, height):
        most = f"{limits.max_aspect:g}"
        raise InputRefused(f"{width}x{height} is too long and thin; a side may be {most} times as long as the other")


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except _BROKEN:
        # Metadata that nobody can read turns nothing; the image itself is whole.
        orientation = 1
    step = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if step is None else image.transpose(step)


def _scale_key(image: ImageFile, data: bytes) -> None:
    """Brings a key colour to the 8 bits that Pillow brings the pixels to; it leaves the key as the file has it."""
    key, depth = image.info.get("transparency"), data[24]
    if key is None or data[12:16] != b"IHDR" or data[25] not in (_GREY, _RGB):
        return
    if depth == 16:  # noqa: PLR2004 - bits
        # Of 8 bits, other colours are the same one.
        raise InputRefused(
            "has a colour that stands for what is transparent, in 16 bits; save it with 8 bits a channel, or with an "
            "alpha channel"
        )
    if data[25] == _GREY and depth in (2, 4) and isinstance(key, int):
        image.info["transparency"] = min(255, key * 255 // (2**depth - 1))


def _plain(image: Image.Image) -> Image.Image:
    """The image as RGB, or as RGBA if it has alpha, with 8 bits."""
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    match image.mode:
        case "RGB" | "RGBA" | "L" | "LA" | "P" | "PA" | "1":
            wanted = "RGBA" if has_alpha else "RGB"
            return image if image.mode == wanted else image.convert(wanted)
        case "I;16" | "I;16B" | "I;16L" | "I":
            # 65535 becomes 255. Pillow's own way would cut all above 255 off.
            return image.convert("I").point(lambda value: value / 257 + 0.5).convert("L").convert("RGB")
        case "CMYK" | "YCCK":
            raise InputRefused("is in CMYK, whose colours depend on a printer; save it as RGB")
    raise InputRefused(f"has colours of the kind {image.mode}; save it as RGB")


def _png(image: Image.Image) -> bytes:
    # What stands in `info` (a colour profile, a key colour) would be written along.
    image.info = {}
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
