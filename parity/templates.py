"""The public templates: graphs of the PyPI package `comfyui-workflow-templates-json`, read where it is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata, resources
from typing import cast

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod_contract.json_types import Json, JsonObject

PACKAGE = "comfyui-workflow-templates-json"


def package_version() -> str:
    """The version that is installed."""
    return metadata.version(PACKAGE)


def load_templates() -> Mapping[str, bytes]:
    """Every graph of the package by its name, in the order of names; its indexes and schemas are no graphs."""
    folder = resources.files("comfyui_workflow_templates_json") / "templates"
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".json")), key=lambda each: each.name)
    return {file.name.removesuffix(".json"): data for file in files if _is_graph(data := file.read_bytes())}


def classes_of(graph: JsonObject) -> set[str]:
    """The types of the nodes of a graph and of its definitions, subgraphs and the editor's own nodes aside."""
    definitions = graph.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    inner = [each for each in subgraphs if isinstance(each, dict)] if isinstance(subgraphs, list) else []
    types = {str(node.get("type")) for each in (graph, *inner) for node in _nodes(each)}
    return types - {str(each.get("id")) for each in inner} - load_catalog().facts.virtual_names


def of_known_classes(templates: Mapping[str, bytes], catalog: Catalog) -> list[str]:
    """The templates that a server with the catalog's classes can run."""
    return [name for name, data in templates.items() if all(each in catalog for each in classes_of(json.loads(data)))]


def _is_graph(data: bytes) -> bool:
    parsed = cast(Json, json.loads(data))
    return isinstance(parsed, dict) and isinstance(parsed.get("nodes"), list)


def _nodes(graph: JsonObject) -> list[JsonObject]:
    nodes = graph.get("nodes")
    return [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
