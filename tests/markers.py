"""The worker's own objects for what schema.py is annotated with, made of the field's source."""

from __future__ import annotations

from importlib import import_module

from comfy2runpod.fields.base import Marker
from comfy2runpod.fields.file_input import FileField
from comfy2runpod_runtime.inputs.file_input import FileInput


def marked_by(marker: Marker) -> object:
    """What a marker is in schema.py."""
    names = {marker.runtime_class: getattr(import_module(marker.runtime_module), marker.runtime_class)}
    return eval(marker.source, names)


def file_input(field: FileField) -> FileInput:
    """What the worker holds a file's field to."""
    (marker,) = field.markers()
    made = marked_by(marker)
    assert isinstance(made, FileInput)
    return made


def written_anew(field: FileField, data: bytes) -> bytes:
    """What the worker makes of a file for a field, in this process."""
    limits = file_input(field)
    return type(limits).decoder()(data, limits)
