"""What a request may hold: one module a kind of field, with all that the kind is.

A new kind is a module here and a name in `KINDS`; the runtime's own type for it, if pydantic has none (of a file, in
`inputs/kinds/`); and what compiler and worker agree on about it, in the contract.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.fields.base import FieldBase
from comfy2runpod.fields.boolean import BooleanField
from comfy2runpod.fields.choice import ChoiceField
from comfy2runpod.fields.image import ImageField
from comfy2runpod.fields.integer import IntegerField
from comfy2runpod.fields.note import NoteKey
from comfy2runpod.fields.number import NumberField
from comfy2runpod.fields.seed import SeedField
from comfy2runpod.fields.target import Target
from comfy2runpod.fields.text import TextField
from comfy2runpod.fields.video import VideoField

__all__ = [
    "KINDS",
    "BooleanField",
    "ChoiceField",
    "Field",
    "FieldBase",
    "ImageField",
    "IntegerField",
    "NumberField",
    "SeedField",
    "Target",
    "TextField",
    "VideoField",
    "is_file",
    "kind_name",
    "kind_of",
    "note_keys",
]

Field: TypeAlias = FieldBase


def _complete(*kinds: type[FieldBase]) -> tuple[type[FieldBase], ...]:
    """The kinds: mypy refuses one here that lacks what a kind has to say (`type-abstract`)."""
    return kinds


# Where two can feed an input, the narrower stands later: a seed is a whole number too.
KINDS = _complete(
    IntegerField,
    NumberField,
    TextField,
    ChoiceField,
    BooleanField,
    SeedField,
    ImageField,
    VideoField,
)


def kind_of(*specs: InputSpec) -> type[Field] | None:
    """The narrowest kind of field that can feed all of these inputs, None if there is none."""
    return next((kind for kind in reversed(KINDS) if all(kind.takes(spec) for spec in specs)), None)


def kind_name(spec: InputSpec) -> str:
    """What documents and messages call the kind of field that can feed an input."""
    kind = kind_of(spec)
    return "other" if kind is None else kind.kind


def is_file(spec: InputSpec) -> bool:
    """Whether an input holds the name of a file that a field can bring."""
    kind = kind_of(spec)
    return kind is not None and kind.is_file


def note_keys(kinds: Iterable[type[Field]] = KINDS) -> tuple[NoteKey[object], ...]:
    """The keys of the note that kinds of field take, each once."""
    return tuple(dict.fromkeys(key for kind in kinds for key in kind.note_keys))
