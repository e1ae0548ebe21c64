"""Diagnostics as a JSON list."""

from __future__ import annotations

from collections.abc import Iterable

from comfy2runpod.json_parts import object_of, objects_of
from comfy2runpod.json_text import json_document
from comfy2runpod.report.places import Placed, PlacedRelated
from comfy2runpod_contract.json_types import JsonObject


def diagnostics_json(found: Iterable[Placed]) -> str:
    """The diagnostics as data: what `Diagnostic.to_json` gives, and `line` and `column` in `at` where known."""
    return json_document([_entry(item) for item in found])


def _entry(placed: Placed) -> JsonObject:
    entry = placed.diagnostic.to_json()
    _add_position(object_of("at", entry["at"]), placed)
    for further, item in zip(placed.related, objects_of("also", entry.get("also")), strict=True):
        _add_position(object_of("at", item["at"]), further)
    return entry


def _add_position(at: JsonObject, placed: Placed | PlacedRelated) -> None:
    if placed.line is not None:
        at["line"] = placed.line
    if placed.column is not None:
        at["column"] = placed.column
