"""ComfyUI's latent previews: binary frames of its websocket, made small enough for a progress update.

A frame is a big-endian number that says what it is, and then

    1  a number for the format, and an image
    4  the length of a JSON object, the object, which names the prompt, and an image

ComfyUI sends them for a prompt whose `extra_data` asks for a preview method: 4 to clients that said that they take it.
Whatever a frame holds costs little: its size, the image's, and its scans are bounded before anything is decoded.
"""

from __future__ import annotations

import io
import json
import struct

from PIL import Image

from comfy2runpod_contract.messages import PREVIEW_BYTES, PREVIEW_SIDE

# What a client says first, to be sent previews that name their prompt.
FEATURES = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
# For a prompt: what the latent's channels look like, without a model of its own.
METHOD = "auto"

_IMAGE, _IMAGE_OF_PROMPT = 1, 4
_MOST_METADATA_BYTES = 10_000
# ComfyUI's are of 512 pixels a side at most, by default.
_MOST_BYTES = 2_000_000
_MOST_PIXELS = 2048 * 2048
# Each scan of a progressive JPEG is decoded over the whole image.
_SCAN, _MOST_SCANS = b"\xff\xda", 20
_FORMATS = ("JPEG", "PNG", "WEBP")
_QUALITIES = (70, 45, 20)


def preview_in(frame: bytes) -> tuple[str | None, bytes] | None:
    """Returns the prompt's id, if it is named, and the encoded image; None for any other frame."""
    if not 8 < len(frame) <= _MOST_BYTES:  # noqa: PLR2004 - two numbers
        return None
    kind, number = struct.unpack_from(">II", frame)
    if kind == _IMAGE:
        return None, frame[8:]
    if kind != _IMAGE_OF_PROMPT or number > min(_MOST_METADATA_BYTES, len(frame) - 8):
        return None
    try:
        metadata = json.loads(frame[8 : 8 + number])
    except (ValueError, RecursionError):
        return None
    prompt_id = metadata.get("prompt_id") if isinstance(metadata, dict) else None
    return (prompt_id, frame[8 + number :]) if isinstance(prompt_id, str) else None


def small_jpeg(image: bytes) -> bytes | None:
    """Returns the image as a JPEG of at most PREVIEW_SIDE pixels a side and PREVIEW_BYTES; None if it is none."""
    if image.count(_SCAN) > _MOST_SCANS:
        return None
    try:
        with Image.open(io.BytesIO(image), formats=_FORMATS) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                return None
            opened.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
            pixels = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    for quality in _QUALITIES:
        out = io.BytesIO()
        pixels.save(out, "JPEG", quality=quality)
        if len(out.getvalue()) <= PREVIEW_BYTES:
            return out.getvalue()
    return None
