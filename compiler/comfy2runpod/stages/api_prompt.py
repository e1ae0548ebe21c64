"""API prompt -> BoundGraph: a prompt that is given as such, so that it is checked and told of as a graph's own is.

Nothing is converted: what is written is what the server gets. Classes that the server replaces by others are looked at
as what they become.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass, replace

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus, Suggestions
from comfy2runpod.errors.api_prompt import NodeWithoutClass
from comfy2runpod.errors.bind import PaidApiNode, UnknownNodeClass
from comfy2runpod.errors.load import MalformedGraph
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.json_text import glimpse
from comfy2runpod.server_check import PromptError, live_inputs, parse_node
from comfy2runpod_contract.json_types import Json, JsonObject, json_type


@dataclass(frozen=True, slots=True)
class ApiPrompt:
    """A prompt as it was given: `nodes` by id, and where in the file they stand."""

    file: str
    nodes: JsonObject
    json_path: str


def as_api_prompt(raw: Json, file: str) -> ApiPrompt | None:
    """The prompt that a file's JSON is, bare or as a request to the server holds it; None if it is none."""
    if not isinstance(raw, dict) or isinstance(raw.get("nodes"), list):
        return None
    inner = raw.get("prompt")
    if isinstance(inner, dict) and "class_type" not in inner and _has_nodes(inner):
        return ApiPrompt(file, inner, "$.prompt")
    return ApiPrompt(file, raw, "$") if _has_nodes(raw) else None


def bind_prompt(given: ApiPrompt, catalog: Catalog, *, allow_api_nodes: Container[str]) -> BoundGraph:
    """Every node with its class.

    Raises:
        CompileError: a node that is none, or of an unknown or paid class; all of them are named.
    """
    found = Collector()
    near = Suggestions(catalog)
    nodes: dict[str, BoundNode] = {}
    for node_id, raw in given.nodes.items():
        json_path = f"{given.json_path}[{json.dumps(node_id, ensure_ascii=False)}]"
        try:
            node = parse_node(node_id, raw, catalog)
        except PromptError:
            found.add(_no_node(Locus(given.file, node_id, json_path=json_path), raw, catalog, near))
            continue
        node_class = catalog.get(node.class_type)
        if node_class is None:
            raise KeyError(node.class_type)
        at = Locus(given.file, node_id, node.title, node.class_type, json_path=json_path)
        if node_class.api_node and node.class_type not in allow_api_nodes:
            found.add(PaidApiNode(at=at))
        specs = {name: spec for name, spec, _ in live_inputs(node_class.inputs, node.inputs)}
        nodes[node_id] = BoundNode(node_id, node.title, node_class, node.inputs, specs, (), json_path)
    found.finish()
    return BoundGraph(file=given.file, nodes=nodes)


def _has_nodes(raw: JsonObject) -> bool:
    nodes = [value for value in raw.values() if isinstance(value, dict)]
    # The editor leaves the class out where it does not know it.
    return any("class_type" in node for node in nodes) or (
        0 < len(nodes) == len(raw) and all("inputs" in node for node in nodes)
    )


def _no_node(at: Locus, raw: Json, catalog: Catalog, near: Suggestions) -> Diagnostic:
    if not isinstance(raw, dict):
        return MalformedGraph(at=at, expected="a node, an object with class_type and inputs", found=_what(raw))
    meta = raw.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    at = replace(at, title=title if isinstance(title, str) else None)
    if "class_type" not in raw:
        return NodeWithoutClass(at=at)
    class_type = raw["class_type"]
    if not isinstance(class_type, str):
        return MalformedGraph(at=at, expected="the name of a class as class_type", found=_what(class_type))
    at = replace(at, class_type=class_type)
    if not isinstance(raw.get("inputs"), dict):
        return MalformedGraph(at=at, expected="an object as inputs", found=_what(raw.get("inputs")))
    successor = catalog.facts.of(class_type).successor
    return UnknownNodeClass(
        at=at,
        class_type=class_type,
        comfyui=catalog.comfyui,
        pack=None,
        pack_version=None,
        near=near if successor is None else lambda _: (successor.class_type,),
    )


def _what(value: Json) -> str:
    return "nothing" if value is None else f"{json_type(value)} {glimpse(value)[:60]}"
