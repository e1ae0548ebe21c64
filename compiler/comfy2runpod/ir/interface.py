"""interface -> emit: what the endpoint takes and gives, and what it needs to run.

A field knows everything that its schema, its documentation, its clients and its patch code say about it, so that no
template decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from comfy2runpod.ir.json import Json
from comfy2runpod_contract.texts import one_line, visible

# Longer ones would be cut wherever they are shown.
_LONGEST_TITLE = 200


class _ForPeople:
    """Has texts for people, from whoever drew the graph: titles on one line, and no control character in any."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for name in ("title", "description", "source"):
            text = getattr(self, name, None)
            if isinstance(text, str):
                shown = visible(text) if name == "description" else one_line(text)
                object.__setattr__(self, name, shown if name == "description" else shown[:_LONGEST_TITLE])


@dataclass(frozen=True, slots=True)
class Target(_ForPeople):
    """One input that a field writes.

    `member` is a key inside an object-valued widget (`crop_region` -> `width`), or None.
    `expression` is Python over the single name `value` and the functions round_up, round_down, min, max; None means
    the value as it is.
    """

    node_id: str
    class_type: str
    title: str
    input: str
    member: str | None = None
    expression: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldBase(_ForPeople):
    """What every kind of field has. `name` is a Python identifier and the JSON key."""

    name: str
    title: str
    description: str
    required: bool
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerField(FieldBase):
    """A whole number: `minimum <= v <= maximum` and `v % multiple_of == offset`."""

    default: int
    minimum: int
    maximum: int
    multiple_of: int = 1
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberField(FieldBase):
    """A number with bounds, inclusive."""

    default: float
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextField(FieldBase):
    """A text; lengths in Unicode code points."""

    default: str
    min_length: int
    max_length: int
    multiline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceField(FieldBase):
    """One of a list of texts."""

    default: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BooleanField(FieldBase):
    """True or false."""

    default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedField(FieldBase):
    """A seed: omitted or null means that the handler draws one and returns it. 0 is a seed like any other."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageField(FieldBase):
    """An image. The file that the graph names is only on its author's machine, so it is no default.

    One that is not required may be omitted, or null: `Interface.variants` says what the prompt is without it.
    `max_bytes` is of the file, `max_pixels` width by height, `max_aspect` the long side by the short one; `formats` are
    some of png, jpeg, webp.
    """

    max_bytes: int
    max_pixels: int
    max_aspect: float
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rewrite(_ForPeople):
    """One input of the prompt that holds something else: a link, a value, or nothing any more (`gone`)."""

    node_id: str
    class_type: str
    title: str
    input: str
    value: Json
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Removal(_ForPeople):
    """One node that goes out of the prompt."""

    node_id: str
    class_type: str
    title: str


@dataclass(frozen=True, slots=True)
class Variant:
    """What becomes of the prompt where all of `fields` are omitted, be others omitted with them or not.

    Of several that apply to a request, the rewrites hold in the order of `Interface.variants`, a later one over an
    earlier; removals come after all rewrites.
    """

    fields: tuple[str, ...]
    rewrites: tuple[Rewrite, ...]
    removals: tuple[Removal, ...]


Field: TypeAlias = IntegerField | NumberField | TextField | ChoiceField | BooleanField | SeedField | ImageField


class MediaKind(StrEnum):
    """What a Save node leaves behind."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"
    ANIMATION = "animation"
    MODEL3D = "model3d"
    DRAWING = "drawing"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Output(_ForPeople):
    """A named result, and the node that saves it. `prefix_input` is the node's file name prefix input, if it has one.

    `many` says that the node may save several files (a batch of images).
    """

    name: str
    title: str
    description: str
    kind: MediaKind
    media_type: str
    node_id: str
    class_type: str
    prefix_input: str | None
    many: bool


@dataclass(frozen=True, slots=True)
class Model:
    """A file that the workflow loads.

    `directory` is the folder under ComfyUI's `models`. `size` (bytes), `sha256` and a commit as `revision` come from
    the lock; until it is made, `revision` is the branch of the URL and `approximate_size` what the author wrote.
    `licence` is the author's word on it, one line; None if there is none.
    """

    file: str
    directory: str
    url: str
    repo: str | None
    path: str | None
    revision: str | None
    size: int | None
    approximate_size: int | None
    sha256: str | None
    node_ids: tuple[str, ...]
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class RunpodSettings:
    """Where the endpoint is to run.

    `gpu` are RunPod pool ids in order of preference; `container_disk_gb` is what a worker needs beside the models;
    sizes in GB, time in seconds.
    """

    gpu: tuple[str, ...]
    container_disk_gb: int
    execution_timeout_seconds: int


@dataclass(frozen=True, slots=True)
class Interface(_ForPeople):
    """The whole contract of one endpoint.

    `variants` says what becomes of the prompt without optional images: fewer of them before more.
    """

    name: str
    title: str
    description: str
    source: str
    comfyui_version: str
    comfyui_commit: str
    fields: tuple[Field, ...]
    outputs: tuple[Output, ...]
    models: tuple[Model, ...]
    runpod: RunpodSettings
    variants: tuple[Variant, ...] = ()
