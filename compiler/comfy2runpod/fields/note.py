"""A field as the note describes it, typed, nothing resolved: what can be said of every kind, and what a kind adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from comfy2runpod import note_forms
from comfy2runpod.note_forms import Wrong

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class NoteKey(Generic[T_co]):
    """A key that some kinds of field take, and how its value is read."""

    name: str
    read: Callable[[object, Wrong], T_co]


# Keys that several kinds take. Numbers stay text: the input that the field feeds tells whether they are whole.
DEFAULT = NoteKey("default", note_forms.text)
MINIMUM = NoteKey("min", note_forms.text)
MAXIMUM = NoteKey("max", note_forms.text)
# The paths of nodes that are bypassed where the field is omitted.
BYPASS = NoteKey("bypass", note_forms.texts)


@dataclass(frozen=True, slots=True)
class Source:
    """One place that a field feeds: a path such as `92:11.noise_seed`, and an expression or None."""

    path: str
    expression: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputAnnotation:
    """A field as the author describes it; None where nothing is said. `said` are the values of keys of kinds."""

    name: str
    sources: tuple[Source, ...]
    title: str | None = None
    description: str | None = None
    required: bool | None = None
    said: Mapping[str, object] = field(default_factory=dict)

    def value(self, key: NoteKey[T]) -> T | None:
        """What is said under a key, as the key reads it; None if nothing is."""
        return cast("T | None", self.said.get(key.name))
