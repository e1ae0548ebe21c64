"""JSON -> an API prompt."""

from __future__ import annotations

from comfy2runpod.ir.json import Json, JsonObject
from comfy2runpod.ir.prompt import Prompt, PromptNode
from comfy2runpod.verdict.faults import PromptError, PromptFault


def parse_prompt(raw: Json) -> Prompt:
    """An API prompt from its JSON.

    Raises:
        PromptError: a node has no class or no inputs, or it is no prompt at all.
    """
    if not isinstance(raw, dict):
        raise PromptError(PromptFault("invalid_prompt", "The prompt must be an object of nodes.", "", {}))
    return {node_id: _node(node_id, node) for node_id, node in raw.items()}


def missing_class(node_id: str, class_type: Json, title: str) -> PromptFault:
    """The server's refusal of a class that it does not have."""
    return PromptFault(
        "missing_node_type",
        f"Node '{title}' not found. The custom node may not be installed.",
        f"Node ID '#{node_id}'",
        {"node_id": node_id, "class_type": class_type, "node_title": title},
    )


def _node(node_id: str, raw: Json) -> PromptNode:
    node = raw if isinstance(raw, dict) else {}
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    if "class_type" not in node:
        name = title or f"ID #{node_id}"
        message = f"Node '{name}' has no class_type. The workflow may be corrupted or a custom node is missing."
        extra: JsonObject = {"node_id": node_id, "class_type": None, "node_title": title}
        raise PromptError(PromptFault("missing_node_type", message, f"Node ID '#{node_id}'", extra))
    class_type = node["class_type"]
    if not isinstance(class_type, str):
        raise PromptError(missing_class(node_id, class_type, str(title or class_type)))
    inputs = node.get("inputs")
    if not isinstance(inputs, dict):
        message = f"Node '{title or class_type}' has no inputs."
        raise PromptError(PromptFault("invalid_prompt", message, f"Node ID '#{node_id}'", {"node_id": node_id}))
    return PromptNode(class_type, inputs, title if isinstance(title, str) else class_type)
