"""What ComfyUI writes into an image of itself, read and written again when the image is encoded in another format.

PNG          a text of its own for each key: `prompt`, `workflow`
WebP, JPEG   EXIF as ComfyUI writes it: `prompt:…` as the camera's model, the others as its maker and downwards
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

log = logging.getLogger(__name__)

_MODEL, _MAKER = 0x0110, 0x010F
# From the model's tag downwards, texts are free to be used.
_FIRST_FREE = 0x0100
_NOTE = re.compile(r"([A-Za-z_][\w.-]{0,63}):(.*)", re.DOTALL)
# A segment of JPEG holds so many bytes, with EXIF's own head.
_MOST_EXIF_BYTES = 65_500
_PROMPT = "prompt"


def notes_of(image: Image.Image) -> dict[str, str]:
    """Returns the texts of an image by their keys; empty if it has none."""
    texts = {key: str(text) for key, text in getattr(image, "text", {}).items()}
    if texts:
        return texts
    exif = image.getexif()
    notes = {}
    for tag in range(_MODEL, _FIRST_FREE, -1):
        value = exif.get(tag)
        if isinstance(value, str) and (found := _NOTE.fullmatch(value.rstrip("\0"))) is not None:
            notes[found[1]] = found[2]
    return notes


def saved_with(notes: Mapping[str, str], form: str) -> dict[str, Any]:
    """Returns the arguments of Pillow's `save` with which an image of this format has the notes.

    JPEG has no room for long ones: then the prompt alone is kept, or nothing, which is logged.
    """
    if not notes:
        return {}
    if form == "png":
        info = PngInfo()
        for key, text in notes.items():
            info.add_text(key, text)
        return {"pnginfo": info}
    content = _exif(notes)
    if form == "jpeg" and len(content) > _MOST_EXIF_BYTES:
        content = _exif({key: text for key, text in notes.items() if key == _PROMPT})
        what = "all metadata but the prompt"
        if len(content) > _MOST_EXIF_BYTES:
            content, what = b"", "its metadata"
        log.warning("the JPEG lacks %s, for which the format has no room", what)
    return {"exif": content} if content else {}


def _exif(notes: Mapping[str, str]) -> bytes:
    exif = Image.Exif()
    others = iter(range(_MAKER, _FIRST_FREE, -1))
    for key, text in notes.items():
        tag = _MODEL if key == _PROMPT else next(others, None)
        if tag is not None:
            exif[tag] = f"{key}:{_ascii(text)}"
    return exif.tobytes()


def _ascii(text: str) -> str:
    """A text for EXIF, which has ASCII alone: JSON can say the same in it."""
    if text.isascii():
        return text
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return text
