"""JSON -> an API prompt, as the server reads it: nodes of known classes, renamed classes under their new names."""

from __future__ import annotations

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.ir.prompt import Prompt, PromptNode
from comfy2runpod.server_check.faults import PromptError, PromptFault
from comfy2runpod_contract.json_types import Json, JsonObject


def parse_prompt(raw: Json, catalog: Catalog) -> Prompt:
    """An API prompt from its JSON; every node's class is in the catalog.

    Raises:
        PromptError: it is no prompt; the first node without a class, with one that the server does not have, or
            without inputs.
    """
    if not isinstance(raw, dict):
        raise PromptError(PromptFault("invalid_prompt", "The prompt must be an object of nodes.", "", {}))
    return {node_id: parse_node(node_id, node, catalog) for node_id, node in raw.items()}


def parse_node(node_id: str, raw: Json, catalog: Catalog) -> PromptNode:
    """One node of a prompt.

    Raises:
        PromptError: it has no class, one that the server does not have, or no inputs.
    """
    node = raw if isinstance(raw, dict) else {}
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    if "class_type" not in node:
        name = title or f"ID #{node_id}"
        message = f"Node '{name}' has no class_type. The workflow may be corrupted or a custom node is missing."
        extra: JsonObject = {"node_id": node_id, "class_type": None, "node_title": title}
        raise PromptError(PromptFault("missing_node_type", message, f"Node ID '#{node_id}'", extra))
    class_type, inputs = node["class_type"], node.get("inputs")
    shown = title if isinstance(title, str) else str(class_type)
    if isinstance(class_type, str) and class_type not in catalog and isinstance(inputs, dict):
        class_type, inputs = _succeeded(node_id, node, class_type, inputs, catalog)
    if not isinstance(class_type, str) or class_type not in catalog:
        message = f"Node '{shown}' not found. The custom node may not be installed."
        extra = {"node_id": node_id, "class_type": class_type, "node_title": shown}
        raise PromptError(PromptFault("missing_node_type", message, f"Node ID '#{node_id}'", extra))
    if not isinstance(inputs, dict):
        raise _invalid(node_id, class_type, f"Node '{shown}' has no inputs.")
    return PromptNode(class_type, inputs, shown)


def _succeeded(
    node_id: str, node: JsonObject, class_type: str, inputs: JsonObject, catalog: Catalog
) -> tuple[str, JsonObject]:
    successor = catalog.facts.of(class_type).successor
    if successor is None or successor.class_type not in catalog:
        return class_type, inputs
    lacks = [] if isinstance(node.get("_meta"), dict) else ["_meta"]
    lacks += [old for old in successor.inputs.values() if old not in inputs]
    if lacks:
        # The server fails on such a node with status 500 and no reason.
        raise _invalid(node_id, class_type, f"Node '{class_type}' cannot be replaced: it has no {lacks[0]}.")
    return successor.class_type, {new: inputs[old] for new, old in successor.inputs.items()}


def _invalid(node_id: str, class_type: str, message: str) -> PromptError:
    extra: JsonObject = {"node_id": node_id, "class_type": class_type}
    return PromptError(PromptFault("invalid_prompt", message, f"Node ID '#{node_id}'", extra))
