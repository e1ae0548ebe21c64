"""The API prompt: what `POST /prompt` takes. Made by bind, read by check, the simulator and the emitters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from comfy2runpod_contract.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class PromptNode:
    """One node of a prompt: `inputs` maps a name to a value or to a link `[node id, output slot]`."""

    class_type: str
    inputs: Mapping[str, Json]
    title: str


# Widgets' objects are shallow; deeper ones are not of a widget, and could exceed the recursion limit.
_SORTED_LEVELS = 8

Prompt: TypeAlias = Mapping[str, PromptNode]


@dataclass(frozen=True, slots=True)
class PromptLink:
    """A link as a prompt holds it."""

    node_id: str
    slot: int


def as_link(value: Json) -> PromptLink | None:
    """The link that a prompt's input value is, or None if it is a plain value."""
    if isinstance(value, list) and len(value) == 2:  # noqa: PLR2004 - a link is a pair
        node_id, slot = value
        if isinstance(node_id, str) and isinstance(slot, int) and not isinstance(slot, bool):
            return PromptLink(node_id, slot)
    return None


def prompt_to_json(prompt: Prompt) -> JsonObject:
    """The prompt as the server takes it, with each node's title under `_meta` as the editor writes it.

    The keys of values that are objects are sorted: their order is the file's, and means nothing.
    """
    return {
        node_id: {
            "inputs": {name: _sorted(value) for name, value in node.inputs.items()},
            "class_type": node.class_type,
            "_meta": {"title": node.title},
        }
        for node_id, node in prompt.items()
    }


def _sorted(value: Json, levels: int = _SORTED_LEVELS) -> Json:
    if levels == 0:
        return value
    if isinstance(value, dict):
        return {key: _sorted(value[key], levels - 1) for key in sorted(value)}
    return [_sorted(item, levels - 1) for item in value] if isinstance(value, list) else value
