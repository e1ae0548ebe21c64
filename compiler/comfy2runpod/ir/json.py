"""JSON values, the only open type that crosses stages, for what nodes keep to themselves; and their texts."""

from __future__ import annotations

from comfy2runpod.json_text import glimpse, json_document
from comfy2runpod_contract.json_types import Json, JsonObject, json_type

__all__ = ["Json", "JsonObject", "glimpse", "json_document", "json_type"]
