"""Which keys of a note say anything of a field: a table of the kinds, so that none is passed over in silence."""

from __future__ import annotations

from collections.abc import Mapping

from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import interface as errors
from comfy2runpod.ir.annotation import InputAnnotation

# Beside from, title, description and required.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "text": ("default", "min_length", "max_length"),
    "integer": ("default", "min", "max", "multiple_of", "offset"),
    "number": ("default", "min", "max"),
    "boolean": ("default",),
    "choice": ("default", "choices"),
    # A seed that is omitted is drawn.
    "seed": ("min", "max"),
    "image": ("max_bytes", "max_pixels", "max_aspect", "formats", "bypass"),
}
_ATTRIBUTES = {"min": "minimum", "max": "maximum"}


def keys_suit(note: InputAnnotation, kind: str, at: Locus, found: Collector) -> bool:
    """Whether a note says nothing of a field but what can be said of one of its kind."""
    right = _KEYS[kind]
    every = dict.fromkeys(key for keys in _KEYS.values() for key in keys)
    said = [key for key in every if getattr(note, _ATTRIBUTES.get(key, key)) is not None]
    wrong = [key for key in said if key not in right]
    for key in wrong:
        found.add(errors.UnsuitableKey(at=at, field=note.name, key=key, kind=kind, allowed=right))
    return not wrong
