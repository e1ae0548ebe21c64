"""An image of the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod import note_forms
from comfy2runpod.catalog.folders import INPUT_FOLDER
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.diagnostics import Diagnostic, Locus
from comfy2runpod.errors import interface as errors
from comfy2runpod.errors.optional_images import ImageNotRequired
from comfy2runpod.fields.base import ClientClass, FieldBase, Marker
from comfy2runpod.fields.draft import AspectLimit, Draft
from comfy2runpod.fields.example_image import example_image
from comfy2runpod.fields.note import BYPASS, NoteKey
from comfy2runpod.quoting import Python, Word, python_source
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.limits import (
    DEFAULT_IMAGE_BYTES,
    DEFAULT_IMAGE_PIXELS,
    MOST_IMAGE_PIXELS,
    MOST_INPUT_BYTES,
)
from comfy2runpod_contract.media import IMAGE_FORMATS
from comfy2runpod_contract.wording import megabytes

_MAX_BYTES = NoteKey("max_bytes", note_forms.size)
_MAX_PIXELS = NoteKey("max_pixels", note_forms.pixels)
_MAX_ASPECT = NoteKey("max_aspect", note_forms.aspect)
_FORMATS = NoteKey("formats", note_forms.texts)

# Where no node sets a bound; an image beyond it is a mistake.
_DEFAULT_ASPECT = 1000

_GIVEN = "Base64, a data URL, or an https URL at a public address."
_EXAMPLE_URL = "https://example.com/image.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageField(FieldBase):
    """An image. The file that the graph names is only on its author's machine, so it is no default.

    One that is not required may be omitted, or null: a `Variant` says what the prompt is without it.
    `max_bytes` is of the file, `max_pixels` width by height, `max_aspect` the long side by the short one; `formats` are
    some of png, jpeg, webp.
    """

    kind: ClassVar[str] = "image"
    note_keys: ClassVar = (_MAX_BYTES, _MAX_PIXELS, _MAX_ASPECT, _FORMATS, BYPASS)
    # How small its nodes make it depends on other fields.
    made_last: ClassVar[bool] = True
    is_file: ClassVar[bool] = True
    has_mask: ClassVar[bool] = True
    in_examples: ClassVar[bool] = False
    from_run: ClassVar[bool] = True
    client_class: ClassVar[ClientClass | None] = ClientClass(Word("Image"), Word("images"))
    document: ClassVar[str | None] = "field-image"

    max_bytes: int
    max_pixels: int
    max_aspect: float
    formats: tuple[str, ...]

    @classmethod
    def takes(cls, spec: InputSpec) -> bool:
        """That of a class that loads an image from ComfyUI's input folder."""
        return spec.type == "COMBO" and spec.upload == "image" and INPUT_FOLDER in spec.folders

    @classmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field: its limits, each with a default and a bound."""
        note = draft.note
        formats, bypass = note.value(_FORMATS), note.value(BYPASS)
        formats = tuple(IMAGE_FORMATS) if formats is None else formats
        noted_bytes, noted_pixels = note.value(_MAX_BYTES), note.value(_MAX_PIXELS)
        most_bytes = DEFAULT_IMAGE_BYTES if noted_bytes is None else noted_bytes
        most_pixels = DEFAULT_IMAGE_PIXELS if noted_pixels is None else noted_pixels
        good = True
        if note.required is False and not bypass:
            draft.found.add(ImageNotRequired(at=draft.at, field=note.name))
            good = False
        if note.required is not False and bypass is not None:
            draft.bad(
                "bypass", ", ".join(bypass), "`required: false` beside it: it says what happens without the image"
            )
            good = False
        if not formats or any(name not in IMAGE_FORMATS for name in formats):
            draft.bad("formats", ", ".join(formats), f"some of {', '.join(IMAGE_FORMATS)}")
            good = False
        if not 0 < most_bytes <= MOST_INPUT_BYTES:
            draft.bad("max_bytes", most_bytes, f"1 to {MOST_INPUT_BYTES:,} bytes")
            good = False
        if not 0 < most_pixels <= MOST_IMAGE_PIXELS:
            draft.bad("max_pixels", most_pixels, f"1 to {MOST_IMAGE_PIXELS:,} pixels")
            good = False
        if not good:
            return None
        return cls(
            **draft.common(required=note.required is not False),
            max_bytes=most_bytes,
            max_pixels=most_pixels,
            max_aspect=_aspect(draft),
            formats=tuple(name for name in IMAGE_FORMATS if name in formats),
        )

    @classmethod
    def unfed(cls, at: Locus, value: Json) -> Diagnostic:
        """No worker has it."""
        return errors.ImageNotFed(at=at, value=value)

    def value_schema(self) -> JsonObject:
        """JSON Schema has no word for a text that may be base64 or a URL: words of our own."""
        return {
            "type": "string" if self.required else ["string", "null"],
            "minLength": 1,
            "x-media": "image",
            "x-formats": [*self.formats],
            "x-max-bytes": self.max_bytes,
            "x-max-pixels": self.max_pixels,
            "x-max-aspect": self.max_aspect,
        }

    def markers(self) -> tuple[Marker, ...]:
        """The limits that the worker holds it to."""
        source = python_source(
            "ImageInput(max_bytes={}, max_pixels={}, max_aspect={}, formats={})",
            self.max_bytes,
            self.max_pixels,
            self.max_aspect,
            self.formats,
        )
        return (Marker(Word("ImageInput"), source),)

    def omittable(self) -> bool:
        """If it is not required."""
        return not self.required

    def default_value(self) -> Json:
        """Null: it is omitted."""
        return None

    def described(self) -> str:
        """Its description, and how it is given."""
        return f"{self.description} {_GIVEN}".strip()

    def allowed(self) -> str:
        """`PNG, JPEG or WebP, at most 20 MB, 32 megapixels and sides of 50:1`."""
        names = [IMAGE_FORMATS[name].label for name in self.formats]
        formats = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
        most = megabytes(self.max_bytes)
        return f"{formats}, at most {most}, {self.max_pixels / 1e6:g} megapixels and sides of {self.max_aspect:g}:1"

    def default_text(self) -> str:
        """That it is omitted."""
        return "null: omitted"

    def example(self) -> Json:
        """A small one, in base64."""
        return example_image()

    def call_example(self) -> Json:
        """The address of one."""
        return _EXAMPLE_URL

    def patch_value(self) -> Python:
        """The name that the worker gave the file."""
        return python_source("run.files[{}]", self.name)


def _aspect(draft: Draft) -> float:
    """The note's bound, else what the nodes can do; a bound beyond that is noted."""
    noted = draft.note.value(_MAX_ASPECT)
    possible: AspectLimit = draft.aspect_limit()
    if noted is None:
        return _plain(min(_DEFAULT_ASPECT, possible.limit))
    if noted > possible.limit:
        draft.found.add(
            errors.BoundWidened(
                at=draft.at,
                field=draft.note.name,
                bound="max_aspect",
                value=_plain(noted),
                allowed=_plain(possible.limit),
                input_path=possible.path,
            )
        )
    if noted < 1:
        draft.bad(
            "max_aspect", _plain(noted), "1 or more: how many times as long as the short side the long one may be"
        )
    return _plain(noted)


def _plain(number: float) -> float:
    """A whole number without a decimal point, as people write it."""
    return int(number) if number == int(number) else number
