"""Ways to save the same graph otherwise: other ids, another order, other places on the canvas."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from .graphs import Graph, canvases
from .palette import Draw

Rename = Callable[[int], int]


def with_node_ids(graph: Graph, names: Mapping[int, int]) -> Graph:
    """The graph with its nodes renamed everywhere: nodes, links, promoted widgets."""
    renamed = copy.deepcopy(graph)
    for canvas in canvases(renamed):
        for node in canvas["nodes"]:
            node["id"] = names[node["id"]]
            for entry in node["properties"].get("proxyWidgets", []):
                entry[0] = str(names.get(int(entry[0]), entry[0]))
        _each_link_end(canvas, "origin_id", lambda node_id: names.get(node_id, node_id))
        _each_link_end(canvas, "target_id", lambda node_id: names.get(node_id, node_id))
    renamed["last_node_id"] = max(names.values())
    return renamed


def with_link_ids(graph: Graph, names: Mapping[int, int]) -> Graph:
    """The graph with its links renamed everywhere."""
    renamed = copy.deepcopy(graph)
    for canvas in canvases(renamed):
        _each_link_end(canvas, "id", lambda link_id: names[link_id])
        for node in canvas["nodes"]:
            for slot in node["inputs"]:
                slot["link"] = None if slot["link"] is None else names[slot["link"]]
            for slot in node["outputs"]:
                slot["links"] = [names[link_id] for link_id in slot["links"]]
        if canvas is not renamed:
            for panel in (*canvas["inputs"], *canvas["outputs"]):
                panel["linkIds"] = [names[link_id] for link_id in panel["linkIds"]]
    return renamed


@st.composite
def renamings(draw: Draw, ids: list[int]) -> dict[int, int]:
    """Other ids, each for one: small ones in another order, or far apart."""
    most = draw(st.sampled_from([len(ids) + 3, 10**6]))
    names = draw(st.lists(st.integers(1, most), min_size=len(ids), max_size=len(ids), unique=True))
    return dict(zip(ids, names, strict=True))


def node_ids(graph: Graph) -> list[int]:
    return [node["id"] for canvas in canvases(graph) for node in canvas["nodes"]]


def link_ids(graph: Graph) -> list[int]:
    return [link["id"] if isinstance(link, dict) else link[0] for canvas in canvases(graph) for link in canvas["links"]]


@st.composite
def redrawn(draw: Draw, graph: Graph) -> Graph:
    """The same content: nodes, links, definitions and keys in another order, elsewhere and in other colours."""
    changed = with_link_ids(graph, draw(renamings(link_ids(graph))))
    random = draw(st.randoms(use_true_random=False))
    for canvas in canvases(changed):
        random.shuffle(canvas["nodes"])
        random.shuffle(canvas["links"])
        canvas["groups"] = [{"id": 1, "title": draw(st.text(max_size=5)), "bounding": [0, 0, 9, 9], "color": "#3f789e"}]
        for order, node in enumerate(canvas["nodes"]):
            node["pos"] = [random.uniform(-1e4, 1e4), random.randint(-99, 99)]
            node["size"] = {"0": random.randint(1, 999), "1": 58}
            node["order"] = order
            node["flags"] = {"collapsed": random.random() < 0.5}
            node["color"], node["bgcolor"] = "#322", "#533"
            for slot in node["outputs"]:
                random.shuffle(slot["links"])
                slot["slot_index"] = random.randint(0, 3)
    if "definitions" in changed:
        random.shuffle(changed["definitions"]["subgraphs"])
    changed["extra"] = {"ds": {"scale": random.random(), "offset": [1, 2]}, "ue_links": []}
    changed["revision"] = random.randint(0, 99)
    return _keys_shuffled(changed, random)


def _keys_shuffled(value: Any, random: Any) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: _keys_shuffled(value[key], random) for key in keys}
    return [_keys_shuffled(item, random) for item in value] if isinstance(value, list) else value


def _each_link_end(canvas: Graph, key: str, rename: Rename) -> None:
    index = ("id", "origin_id", "origin_slot", "target_id", "target_slot").index(key)
    for link in canvas["links"]:
        place = key if isinstance(link, dict) else index
        link[place] = rename(link[place])
