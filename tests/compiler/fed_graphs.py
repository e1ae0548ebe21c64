"""A graph in which one value can be reached in several ways, for notes that feed it."""

from __future__ import annotations

import json
from typing import Any

Graph = dict[str, Any]

_UUID = "22222222-3333-4444-8555-666666666666"


def _node(node_id: int, kind: str, inputs: list[Any], outputs: list[Any], values: list[Any], **more: object) -> Graph:
    place = {"id": node_id, "type": kind, "pos": [0, 0], "size": [200, 100], "flags": {}, "order": 0, "mode": 0}
    return {**place, "inputs": inputs, "outputs": outputs, "properties": {}, "widgets_values": values, **more}


def _in(name: str, kind: str, link: int | None, *, widget: bool = False) -> Graph:
    return {"name": name, "type": kind, "link": link, **({"widget": {"name": name}} if widget else {})}


def _out(kind: str, *links: int) -> Graph:
    return {"name": kind, "type": kind, "links": list(links)}


def graph(note: str | None, *, app_mode: list[tuple[int, str]] = ()) -> Graph:
    """An image of 5's width is blended with an optional one, scaled inside a subgraph and saved under 6's name.

    5 PrimitiveInt -> 1.width; 6 PrimitiveString -> 40.filename_prefix; 31 ImageBlend of 1 and 30 LoadImage;
    92 a subgraph with the input `side` -> 92:7.width and 92:8.height; 41 saves under a name of its own.
    """
    nodes = [
        _node(5, "PrimitiveInt", [], [_out("INT", 1)], [512, "fixed"]),
        _node(6, "PrimitiveString", [], [_out("STRING", 2)], ["images/x"]),
        _node(1, "EmptyImage", [_in("width", "INT", 1, widget=True)], [_out("IMAGE", 3)], [64, 512, 1, 0]),
        _node(30, "LoadImage", [], [_out("IMAGE", 4), _out("MASK")], ["cat.png", "image"]),
        _node(
            31, "ImageBlend", [_in("image1", "IMAGE", 3), _in("image2", "IMAGE", 4)], [_out("IMAGE", 5)],
            [0.5, "normal"],
        ),
        _node(
            92, _UUID, [_in("image", "IMAGE", 5), _in("side", "INT", None, widget=True)], [_out("IMAGE", 6, 7)], [256]
        ),
        _node(
            40, "SaveImage", [_in("images", "IMAGE", 6), _in("filename_prefix", "STRING", 2, widget=True)], [], ["x"]
        ),
        _node(41, "SaveImage", [_in("images", "IMAGE", 7)], [], ["y"]),
    ]  # fmt: skip
    if note is not None:
        nodes.append(_node(99, "Note", [], [], [note], title="comfy2runpod"))
    links = [
        [1, 5, 0, 1, 0, "INT"], [2, 6, 0, 40, 1, "STRING"], [3, 1, 0, 31, 0, "IMAGE"], [4, 30, 0, 31, 1, "IMAGE"],
        [5, 31, 0, 92, 0, "IMAGE"], [6, 92, 0, 40, 0, "IMAGE"], [7, 92, 0, 41, 0, "IMAGE"],
    ]  # fmt: skip
    extra: Graph = {"frontendVersion": "1.43.18"}
    if app_mode:
        extra["linearData"] = {"inputs": [list(item) for item in app_mode], "outputs": [40]}
    return {
        "last_node_id": 99, "last_link_id": 99, "nodes": nodes, "links": links, "version": 0.4, "extra": extra,
        "definitions": {"subgraphs": [_scaled_twice()]},
    }  # fmt: skip


def text(note: str | None, *, app_mode: list[tuple[int, str]] = ()) -> bytes:
    """The graph as ComfyUI saves it."""
    return json.dumps(graph(note, app_mode=app_mode), indent=1).encode()


def _scaled_twice() -> Graph:
    links = [
        (10, -10, 0, 7, 0, "IMAGE"), (11, 7, 0, 8, 0, "IMAGE"), (12, 8, 0, -20, 0, "IMAGE"),
        (13, -10, 1, 7, 1, "INT"), (14, -10, 1, 8, 1, "INT"),
    ]  # fmt: skip
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    scale = ["area", 512, 512, "disabled"]
    inside = [
        _node(
            7, "ImageScale", [_in("image", "IMAGE", 10), _in("width", "INT", 13, widget=True)], [_out("IMAGE", 11)],
            scale,
        ),
        _node(
            8, "ImageScale", [_in("image", "IMAGE", 11), _in("height", "INT", 14, widget=True)], [_out("IMAGE", 12)],
            scale,
        ),
    ]  # fmt: skip
    return {
        "id": _UUID, "version": 1, "revision": 0, "config": {}, "name": "Scaled twice",
        "state": {"lastGroupId": 0, "lastNodeId": 9, "lastLinkId": 99, "lastRerouteId": 0},
        "inputNode": {"id": -10, "bounding": [-200, 0, 120, 80]},
        "outputNode": {"id": -20, "bounding": [400, 0, 120, 60]},
        "inputs": [
            {"id": "i1", "name": "image", "type": "IMAGE", "linkIds": [10]},
            {"id": "i2", "name": "side", "type": "INT", "linkIds": [13, 14]},
        ],
        "outputs": [{"id": "o", "name": "IMAGE", "type": "IMAGE", "linkIds": [12]}],
        "widgets": [], "nodes": inside, "groups": [],
        "links": [dict(zip(keys, row, strict=True)) for row in links],
    }  # fmt: skip
