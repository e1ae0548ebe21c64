"""What a note says of an image -> an image field: its limits, each with a default and a bound."""

from __future__ import annotations

from comfy2runpod.catalog.node_facts import IMAGE_FORMATS
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import interface as errors
from comfy2runpod.errors.optional_images import ImageNotRequired
from comfy2runpod.ir.annotation import InputAnnotation
from comfy2runpod.ir.interface import ImageField, Target
from comfy2runpod.ir.json import Json
from comfy2runpod.stages.annotate.plain_text import plain_text

# A photograph of a telephone, with room.
DEFAULT_BYTES = 20_000_000
DEFAULT_PIXELS = 32_000_000
# ComfyUI holds an image as 12 or 16 bytes a pixel: this is 1.6 GB.
_MOST_PIXELS = 100_000_000
# What a worker takes if nobody sets MAX_INPUT_BYTES.
_MOST_BYTES = 50_000_000


def image_field(
    note: InputAnnotation, title: str, targets: tuple[Target, ...], at: Locus, found: Collector
) -> ImageField | None:
    """The field, or None with the reasons noted."""

    def bad(key: str, value: Json, expected: str) -> None:
        found.add(errors.BadFieldValue(at=at, field=note.name, key=key, value=value, expected=expected))

    formats = IMAGE_FORMATS if note.formats is None else note.formats
    most_bytes = DEFAULT_BYTES if note.max_bytes is None else note.max_bytes
    most_pixels = DEFAULT_PIXELS if note.max_pixels is None else note.max_pixels
    good = True
    if note.required is False and not note.bypass:
        found.add(ImageNotRequired(at=at, field=note.name))
        good = False
    if note.required is not False and note.bypass is not None:
        bad("bypass", ", ".join(note.bypass), "`required: false` beside it: it says what happens without the image")
        good = False
    if not formats or any(name not in IMAGE_FORMATS for name in formats):
        bad("formats", ", ".join(formats), f"some of {', '.join(IMAGE_FORMATS)}")
        good = False
    if not 0 < most_bytes <= _MOST_BYTES:
        bad("max_bytes", most_bytes, f"1 to {_MOST_BYTES:,} bytes")
        good = False
    if not 0 < most_pixels <= _MOST_PIXELS:
        bad("max_pixels", most_pixels, f"1 to {_MOST_PIXELS:,} pixels")
        good = False
    if not good:
        return None
    return ImageField(
        name=note.name,
        title=title,
        description=plain_text(note.description or ""),
        required=note.required is not False,
        targets=targets,
        max_bytes=most_bytes,
        max_pixels=most_pixels,
        # Set once all fields are known: how small an image is made depends on others.
        max_aspect=note.max_aspect or 1,
        formats=tuple(name for name in IMAGE_FORMATS if name in formats),
    )
