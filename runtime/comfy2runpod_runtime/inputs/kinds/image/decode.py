"""Decodes a caller's image and re-encodes it as the PNG that ComfyUI reads.

The PNG is upright, RGB or RGBA with 8 bits per channel, and has no metadata. So LoadImage sees one kind of file, and no
decoder in ComfyUI reads a caller's bytes. The caller, `decoder_process.py`, limits CPU time and memory.
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

from comfy2runpod_contract.limits import LONGEST_IMAGE_SIDE
from comfy2runpod_contract.wording import image_size_problem, megabytes
from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.kinds.image import ImageInput
from comfy2runpod_runtime.inputs.signatures import file_description

_ORIENTATION = 0x0112
_PNG = b"\x89PNG\r\n\x1a\n"
# A PNG's colour types that may have a key colour.
_GREY, _RGB = 0, 2
# Chunks (PNG) or segments (JPEG) in a file: so many, plus one per so many bytes. Encoders write IDAT chunks of 4 KB.
_MAX_PARTS, _BYTES_PER_PART = 1000, 500
# Scans of a JPEG. Encoders write about ten, optimizers some dozens.
_MAX_SCANS = 500

Opener: TypeAlias = Callable[[BytesIO], ImageFile]

# Pillow's decoder for each format, chosen by the file's signature: no other decoder ever reads a caller's file.
_OPENERS: Mapping[str, Opener] = {"png": PngImageFile, "jpeg": JpegImageFile, "webp": WebPImageFile}
_NAMES: Mapping[str, str] = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}

# The transposition that makes an image upright, by its EXIF orientation.
_TRANSPOSITIONS: Mapping[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What Pillow raises for corrupt files.
_DECODE_ERRORS = (
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


def image_png(data: bytes, limits: ImageInput) -> bytes:
    """Checks an image and re-encodes it as a PNG.

    Args:
        data: the file.
        limits: what the field accepts.

    Returns:
        The PNG file.

    Raises:
        MediaRefused: it is too large, not of an allowed format, animated, of a kind that LoadImage would misread, or
            corrupt.
    """
    if len(data) > limits.max_bytes:
        raise MediaRefused(f"has {len(data):,} bytes; at most {megabytes(limits.max_bytes)} are allowed")
    kind = _detect_format(data, limits.formats)
    _check_parts(kind, data)
    try:
        if kind == "png":
            with PngImageFile(BytesIO(data)) as image:
                # Checks the checksum of every chunk; decoding checks only few of them.
                image.verify()
        with _OPENERS[kind](BytesIO(data)) as image:
            _check_size(image.width, image.height, limits)
            frames = int(getattr(image, "n_frames", 1))
            if frames > 1:
                raise MediaRefused(f"is animated: it holds {frames} images, and one is expected")
            image.load()
            if kind == "png":
                _scale_key_colour(image, data)
            return _encode_png(_to_rgb(_transpose_upright(image)))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # Some decoders check the size before they return it.
        raise MediaRefused(
            f"has more than {limits.max_pixels / 1e6:g} megapixels, the most that are allowed"
        ) from error
    except _DECODE_ERRORS as error:
        raise MediaRefused(f"is not a complete {_NAMES[kind]} image; it is truncated or damaged") from error


def format_list(formats: tuple[str, ...]) -> str:
    """Formats a list of image formats for a message: `PNG, JPEG or WebP`."""
    names = [_NAMES[name] for name in formats]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _detect_format(data: bytes, formats: tuple[str, ...]) -> str:
    found = None
    if data.startswith(_PNG):
        found = "png"
    elif data.startswith(b"\xff\xd8\xff"):
        found = "jpeg"
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        found = "webp"
    if found in formats:
        return str(found)
    what = f"a {_NAMES[found]}" if found is not None else file_description(data) or "not an image of a known format"
    raise MediaRefused(f"is {what}; it must be a {format_list(formats)} image")


def _check_parts(kind: str, data: bytes) -> None:
    """Limits the number of chunks, segments and scans before decoding, since each costs CPU time.

    A malicious file can have a million empty chunks, or thousands of scans of the same pixels.
    """
    if kind == "png":
        at, step, most = len(_PNG), 12, _MAX_PARTS + len(data) // _BYTES_PER_PART
        lengths = _chunk_length
    elif kind == "jpeg":
        at, step, most = 2, 2, _MAX_PARTS + len(data) // _BYTES_PER_PART
        lengths = _segment_length
        # This marker cannot occur in compressed image data, but by chance in metadata.
        scans = data.count(b"\xff\xda")
        if scans > (most_scans := _MAX_SCANS + len(data) // 20_000):
            raise MediaRefused(f"is a JPEG of more than {most_scans:,} scans, the most that are allowed")
    else:
        return
    count = 0
    while (length := lengths(data, at)) is not None:
        at, count = at + step + length, count + 1
        if count > most:
            raise MediaRefused(f"consists of more than {most:,} chunks or segments, the most that are allowed")


def _chunk_length(data: bytes, at: int) -> int | None:
    """The length of the data of a PNG chunk, without the twelve bytes around it; None at the end of the file."""
    return int.from_bytes(data[at : at + 4], "big") if at + 8 <= len(data) else None


def _segment_length(data: bytes, at: int) -> int | None:
    """The length of a JPEG segment, without its marker of two bytes; None where the image data begins."""
    if data[at : at + 1] != b"\xff" or data[at + 1 : at + 2] in (b"\xda", b"\xd9", b""):
        return None
    # Fill bytes, and markers without a length.
    if data[at + 1] in (0x01, 0xFF, *range(0xD0, 0xD8)):
        return 0 if data[at + 1] != 0xFF else -1  # noqa: PLR2004 - JPEG's own numbers
    return int.from_bytes(data[at + 2 : at + 4], "big")


def _check_size(width: int, height: int, limits: ImageInput) -> None:
    """Checks the size before decoding, against decompression bombs."""
    problem = image_size_problem(width, height, limits.max_pixels, limits.max_aspect, LONGEST_IMAGE_SIDE)
    if problem is not None:
        raise MediaRefused(problem)


def _transpose_upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except _DECODE_ERRORS:
        # Corrupt metadata is ignored: the image itself is complete.
        orientation = 1
    step = _TRANSPOSITIONS.get(orientation) if isinstance(orientation, int) else None
    return image if step is None else image.transpose(step)


def _scale_key_colour(image: ImageFile, data: bytes) -> None:
    """Scales a PNG's key colour to 8 bits, as Pillow scales the pixels but not the key."""
    key, depth = image.info.get("transparency"), data[24]
    if key is None or data[12:16] != b"IHDR" or data[25] not in (_GREY, _RGB):
        return
    if depth == 16:  # noqa: PLR2004 - bits
        # Scaled to 8 bits, other colours would equal the key.
        raise MediaRefused(
            "has a 16-bit key colour for transparency; save it with 8 bits per channel, or with an alpha channel"
        )
    if data[25] == _GREY and depth in (2, 4) and isinstance(key, int):
        image.info["transparency"] = min(255, key * 255 // (2**depth - 1))


def _to_rgb(image: Image.Image) -> Image.Image:
    """Converts to RGB, or RGBA if the image has transparency, with 8 bits per channel."""
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    match image.mode:
        case "RGB" | "RGBA" | "L" | "LA" | "P" | "PA" | "1":
            wanted = "RGBA" if has_alpha else "RGB"
            return image if image.mode == wanted else image.convert(wanted)
        case "I;16" | "I;16B" | "I;16L" | "I":
            # Scales 65535 to 255. Pillow's own conversion would clip all values above 255.
            return image.convert("I").point(lambda value: value / 257 + 0.5).convert("L").convert("RGB")
        case "CMYK" | "YCCK":
            raise MediaRefused("is a CMYK image; save it as RGB")
        case _:
            raise MediaRefused(f"has the unsupported colour mode {image.mode}; save it as RGB")


def _encode_png(image: Image.Image) -> bytes:
    # Pillow would write metadata from `info`, such as a colour profile or a key colour.
    image.info = {}
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()
