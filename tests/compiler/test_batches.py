"""Outputs of one image that always get one, whatever a caller sends: their graphs must not be refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.pipeline import Options, compile_graph


def _graph(note: str, *middle: tuple[str, str, list[Any]]) -> bytes:
    """An empty image, node 2, through nodes 4, 5… by their one image input, to a Save Image, node 3."""
    nodes: list[dict[str, Any]] = [_node(2, "EmptyImage", [64, 64, 1, 0], None)]
    links = list[list[Any]]()

    def add(node: dict[str, Any]) -> None:
        number = len(links) + 1
        links.append([number, nodes[-1]["id"], 0, node["id"], 0, "IMAGE"])
        nodes[-1]["outputs"] = [{"name": "IMAGE", "type": "IMAGE", "links": [number]}]
        node["inputs"][0]["link"] = number
        nodes.append(node)

    for node_id, (class_type, name, widgets) in enumerate(middle, 4):
        add(_node(node_id, class_type, widgets, name))
    add(_node(3, "SaveImage", ["x"], "images"))
    nodes.append({**_node(99, "MarkdownNote", [note], None), "title": "comfy2runpod"})
    return json.dumps({"nodes": nodes, "links": links, "version": 0.4}).encode()


def _node(node_id: int, class_type: str, widgets: list[Any], name: str | None) -> dict[str, Any]:
    inputs = [] if name is None else [{"name": name, "type": "IMAGE", "link": None}]
    return {"id": node_id, "type": class_type, "mode": 0, "inputs": inputs, "outputs": [], "widgets_values": widgets}


ONE = ("ImageFromBatch", "image", [0, 1])
SPLIT = ("RebatchImages", "images", [1])
MANY = "outputs:\n  images: {from: 3, many: true}\n"
BATCH = "inputs:\n  n: {from: 2.batch_size, min: 1, max: 5}\n"


@pytest.mark.parametrize(
    "data",
    [
        _graph("inputs:\n  n: {from: [{input: 2.batch_size, as: n - n + 1}], min: 0, max: 5, default: 0}\n"),
        _graph("inputs:\n  w: {from: 2.width}\n  h: {from: 2.height}\n"),
        _graph(BATCH, ONE),
        _graph("inputs:\n  m: {from: 4.length, min: 1, max: 5}\n", ONE),
        _graph("inputs: {}\n", SPLIT),
        _graph(BATCH, ONE, SPLIT),
        _graph(BATCH + MANY),
        _graph(BATCH + MANY, SPLIT),
    ],
)
def test_a_graph_that_always_gives_one_image_is_accepted(data: bytes) -> None:
    assert compile_graph(data, "graph.json", load_catalog(), Options()).files


@pytest.mark.parametrize(
    "data",
    [
        _graph(BATCH + "  m: {from: 4.length, min: 1, max: 5}\n  at: {from: 4.batch_index, min: 0, max: 9}\n", ONE),
        _graph(BATCH, SPLIT, ONE),
    ],
)
def test_several_images_of_some_values_together_are_refused(data: bytes) -> None:
    with pytest.raises(CompileError, match="several-images"):
        compile_graph(data, "graph.json", load_catalog(), Options())


def test_a_number_of_images_beyond_all_use_is_refused_in_few_digits() -> None:
    with pytest.raises(CompileError, match="1,000,000,000,000 or more images"):
        compile_graph(
            _graph("", *[("RepeatImageBatch", "image", [4096])] * 40), "graph.json", load_catalog(), Options()
        )
