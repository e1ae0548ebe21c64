"""A file of the caller's, as base64, a data URL or an https URL: what images, videos and their like have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod import note_forms
from comfy2runpod.catalog.folders import INPUT_FOLDER
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.errors.optional_files import FileNotRequired
from comfy2runpod.fields.base import FieldBase, Marker
from comfy2runpod.fields.draft import Common, Draft
from comfy2runpod.fields.note import BYPASS, NoteKey
from comfy2runpod.quoting import Python, Word, python_source
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.limits import LEAST_INPUT_BYTES, MOST_INPUT_BYTES
from comfy2runpod_contract.media import FileFormat
from comfy2runpod_contract.wording import megabytes

MAX_BYTES = NoteKey("max_bytes", note_forms.size)
MAX_PIXELS = NoteKey("max_pixels", note_forms.pixels)
FORMATS = NoteKey("formats", note_forms.texts)
# What the note can say of a file of any kind.
FILE_KEYS = (MAX_BYTES, FORMATS, BYPASS)

# In characters: what fits on a line of schema.py.
_LONGEST_MARKER = 110

_GIVEN = "Base64, a data URL, or an https URL at a public address."


class FileCommon(Common):
    """What a field of a file is made with, whatever the kind."""

    max_bytes: int
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileField(FieldBase):
    """A file. The one that the graph names is only on its author's machine, so it is no default.

    One that is not required may be omitted, or null: a `Variant` says what the prompt is without it.
    `max_bytes` is of the file; `formats` are some of `known_formats`. A kind's own limits are attributes named as in
    the note: `limits` says which.
    """

    is_file: ClassVar[bool] = True
    in_examples: ClassVar[bool] = False

    # The runtime's class that holds a value to the limits, in a module of the kind's name.
    runtime_class: ClassVar[Word]
    known_formats: ClassVar[Mapping[str, FileFormat]]
    # The value in calls that people copy.
    example_url: ClassVar[str]

    max_bytes: int
    formats: tuple[str, ...]

    @abstractmethod
    def limits(self) -> Mapping[str, float]:
        """The limits beside `max_bytes`, by their names in the note."""

    @classmethod
    def takes(cls, spec: InputSpec) -> bool:
        """That of a class that loads a file of this kind from ComfyUI's input folder."""
        return spec.type == "COMBO" and spec.upload == cls.kind and INPUT_FOLDER in spec.folders

    @classmethod
    def common(cls, draft: Draft, default_bytes: int) -> FileCommon | None:
        """What the field is made with but for its own limits; None with the reasons noted."""
        note = draft.note
        noted_formats, bypass = note.value(FORMATS), note.value(BYPASS)
        formats = tuple(cls.known_formats) if noted_formats is None else noted_formats
        good = True
        if note.required is False and not bypass:
            draft.found.add(FileNotRequired(at=draft.at, field=note.name, kind=cls.kind))
            good = False
        if note.required is not False and bypass is not None:
            draft.bad(
                "bypass",
                ", ".join(bypass),
                f"`required: false` beside it: it says what happens without the {cls.kind}",
            )
            good = False
        if not formats or any(name not in cls.known_formats for name in formats):
            draft.bad("formats", ", ".join(formats), f"some of {', '.join(cls.known_formats)}")
            good = False
        most_bytes = draft.limit(MAX_BYTES, default_bytes, (LEAST_INPUT_BYTES, MOST_INPUT_BYTES), "bytes")
        if not good or most_bytes is None:
            return None
        return FileCommon(
            **draft.common(required=note.required is not False),
            max_bytes=most_bytes,
            formats=tuple(name for name in cls.known_formats if name in formats),
        )

    def value_schema(self) -> JsonObject:
        """JSON Schema has no word for a text that may be base64 or a URL: words of our own."""
        return {
            "type": "string" if self.required else ["string", "null"],
            "minLength": 1,
            "x-media": self.kind,
            "x-formats": [*self.formats],
            "x-max-bytes": self.max_bytes,
            **{f"x-{name.replace('_', '-')}": limit for name, limit in self.limits().items()},
        }

    def markers(self) -> tuple[Marker, ...]:
        """The limits that the worker holds it to."""
        limits: dict[str, float | tuple[str, ...]] = {
            "max_bytes": self.max_bytes,
            **self.limits(),
            "formats": self.formats,
        }
        arguments = [python_source(f"{name}={{}}", limit) for name, limit in limits.items()]
        source = f"{self.runtime_class}({', '.join(arguments)})"
        if len(source) > _LONGEST_MARKER:
            lines = "".join(f"            {argument},\n" for argument in arguments)
            source = f"{self.runtime_class}(\n{lines}        )"
        module = Word(f"comfy2runpod_runtime.inputs.kinds.{self.kind}")
        return (Marker(module, self.runtime_class, Python(source)),)

    def omittable(self) -> bool:
        """If it is not required."""
        return not self.required

    def default_value(self) -> Json:
        """Null: it is omitted."""
        return None

    def default_text(self) -> str:
        """That it is omitted."""
        return "null: omitted"

    def described(self) -> str:
        """Its description, and how it is given."""
        return f"{self.description} {_GIVEN}".strip()

    def formats_and_size(self) -> str:
        """`PNG, JPEG or WebP, at most 20 MB`."""
        names = [self.known_formats[name].label for name in self.formats]
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
        return f"{listed}, at most {megabytes(self.max_bytes)}"

    def call_example(self) -> Json:
        """The address of one."""
        return self.example_url

    def patch_value(self) -> Python:
        """The name that the worker gave the file."""
        return python_source("run.files[{}]", self.name)
