"""Diagnostics as a JSON list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from comfy2runpod.ir.json import Json, JsonObject, json_document
from comfy2runpod.report.places import Placed


def diagnostics_json(found: Iterable[Placed]) -> str:
    """The diagnostics as data: what `Diagnostic.to_json` gives, and `line` and `column` in `at` where known."""
    return json_document([_entry(item) for item in found])


def _entry(placed: Placed) -> JsonObject:
    entry = placed.diagnostic.to_json()
    at = cast(JsonObject, entry["at"])
    for key, value in (("line", placed.line), ("column", placed.column)):
        if value is not None:
            at[key] = cast(Json, value)
    return entry
