"""An image of the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod import note_forms
from comfy2runpod.errors import interface as errors
from comfy2runpod.fields.base import ClientClass
from comfy2runpod.fields.draft import AspectLimit, Draft
from comfy2runpod.fields.file_input import FILE_KEYS, MAX_PIXELS, FileField
from comfy2runpod.fields.image.example import example_image
from comfy2runpod.fields.note import NoteKey
from comfy2runpod.quoting import Word
from comfy2runpod_contract.image_inputs import DEFAULT_IMAGE_BYTES, DEFAULT_IMAGE_PIXELS, MOST_IMAGE_PIXELS
from comfy2runpod_contract.json_types import Json
from comfy2runpod_contract.limits import LEAST_INPUT_PIXELS
from comfy2runpod_contract.media import IMAGE_FORMATS, FileFormat

_MAX_ASPECT = NoteKey("max_aspect", note_forms.aspect)

# Where no node sets a bound; an image beyond it is a mistake.
_DEFAULT_ASPECT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageField(FileField):
    """An image: `max_pixels` is width by height, `max_aspect` the long side by the short one."""

    kind: ClassVar[str] = "image"
    note_keys: ClassVar = (*FILE_KEYS, MAX_PIXELS, _MAX_ASPECT)
    # How small its nodes make it depends on other fields.
    made_last: ClassVar[bool] = True
    has_mask: ClassVar[bool] = True
    client_class: ClassVar[ClientClass | None] = ClientClass(Word("Image"), Word("images"))
    document: ClassVar[str | None] = "field-image"
    runtime_class: ClassVar[Word] = Word("ImageInput")
    known_formats: ClassVar[Mapping[str, FileFormat]] = IMAGE_FORMATS
    example_url: ClassVar[str] = "https://example.com/image.png"

    max_pixels: int
    max_aspect: float

    @classmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field: its limits, each with a default and a bound."""
        common = cls.common(draft, DEFAULT_IMAGE_BYTES)
        pixels = draft.limit(MAX_PIXELS, DEFAULT_IMAGE_PIXELS, (LEAST_INPUT_PIXELS, MOST_IMAGE_PIXELS), "pixels")
        if common is None or pixels is None:
            return None
        return cls(**common, max_pixels=pixels, max_aspect=_aspect(draft))

    def limits(self) -> Mapping[str, float]:
        """Of its size."""
        return {"max_pixels": self.max_pixels, "max_aspect": self.max_aspect}

    def most_frames(self) -> int:
        """One: an animated one is refused."""
        return 1

    def allowed(self) -> str:
        """`PNG, JPEG or WebP, at most 20 MB, 32 megapixels and sides of 50:1`."""
        return f"{self.formats_and_size()}, {self.max_pixels / 1e6:g} megapixels and sides of {self.max_aspect:g}:1"

    def example(self) -> Json:
        """A small one, in base64."""
        return example_image(self.formats)


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
