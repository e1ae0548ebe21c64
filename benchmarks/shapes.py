"""Graphs of our own in which one thing is there many times, as the editor saves them: for measuring growth.

A shape is a function of how many nodes there are to be, about; what it gives converts. No file tells its editor, so
that all editors' rules are looked at.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Graph = dict[str, Any]
Output = tuple[int, int]

INPUT_PANEL, OUTPUT_PANEL = -10, -20


class Canvas:
    """Nodes and links of one canvas; what inputs say and what the table of links says agree."""

    def __init__(self) -> None:
        self.nodes: list[Graph] = []
        self.links: list[list[Any]] = []

    def node(
        self,
        kind: str,
        inputs: Sequence[tuple[str, str, Output | None]] = (),
        outputs: Sequence[str] = (),
        values: Sequence[object] = (),
        mode: int = 0,
    ) -> int:
        """Adds a node, its inputs (name, type, origin) linked; its id."""
        node_id = len(self.nodes) + 1
        slots = [
            {"name": name, "type": kind, "link": None if origin is None else self.link(origin, (node_id, place), kind)}
            for place, (name, kind, origin) in enumerate(inputs)
        ]
        given = [{"name": kind, "type": kind, "links": []} for kind in outputs]
        found = {"id": node_id, "type": kind, "mode": mode, "inputs": slots, "outputs": given, "properties": {}}
        self.nodes.append({**found, "widgets_values": list(values)})
        return node_id

    def link(self, origin: Output, target: tuple[int, int], kind: str) -> int:
        """Adds a link to the table and to its origin; its id."""
        link_id = len(self.links) + 1
        self.links.append([link_id, *origin, *target, kind])
        if origin[0] != INPUT_PANEL:
            self.nodes[origin[0] - 1]["outputs"][origin[1]]["links"].append(link_id)
        return link_id

    def image(self) -> Output:
        return self.node("EmptyImage", outputs=["IMAGE"], values=[64, 64, 1, 0]), 0

    def invert(self, origin: Output | None, mode: int = 0) -> Output:
        return self.node("ImageInvert", [("image", "IMAGE", origin)], ["IMAGE"], mode=mode), 0

    def save(self, origin: Output) -> None:
        self.node("PreviewImage", [("images", "IMAGE", origin)])

    def file(self, *definitions: Graph) -> Graph:
        """A whole file."""
        graph = {"last_node_id": len(self.nodes), "nodes": self.nodes, "links": self.links, "version": 0.4}
        return {**graph, "definitions": {"subgraphs": [*definitions]}}

    def definition(self, number: int, inputs: Sequence[tuple[str, str]], outputs: Sequence[Output]) -> Graph:
        """A subgraph's definition; its inputs are linked already, its outputs are linked here."""
        shown = [self.link(origin, (OUTPUT_PANEL, place), "IMAGE") for place, origin in enumerate(outputs)]
        taken: dict[int, list[int]] = {}
        for link_id, origin, slot, *_ in self.links:
            if origin == INPUT_PANEL:
                taken.setdefault(slot, []).append(link_id)
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        return {
            "id": definition_id(number),
            "name": f"subgraph {number}",
            "inputs": [
                {"name": name, "type": kind, "linkIds": taken.get(place, [])}
                for place, (name, kind) in enumerate(inputs)
            ],
            "outputs": [{"name": f"image{n}", "type": "IMAGE", "linkIds": [link]} for n, link in enumerate(shown)],
            "nodes": self.nodes,
            "links": [dict(zip(keys, link, strict=True)) for link in self.links],
        }


def definition_id(number: int) -> str:
    """The id of a definition, which its instances have as their type."""
    return str(uuid.UUID(int=number))


def chain(size: int) -> Graph:
    canvas = Canvas()
    last = canvas.image()
    for _ in range(size - 2):
        last = canvas.invert(last)
    canvas.save(last)
    return canvas.file()


def fan_out(size: int) -> Graph:
    canvas = Canvas()
    image = canvas.image()
    for _ in range(size - 1):
        canvas.save(image)
    return canvas.file()


def widgets(size: int) -> Graph:
    canvas = Canvas()
    for _ in range(size // 2):
        canvas.save(canvas.image())
    return canvas.file()


def bypassed_chain(size: int) -> Graph:
    canvas = Canvas()
    last = canvas.image()
    for _ in range(size // 2):
        last = canvas.invert(last, mode=4)
        canvas.save(last)
    return canvas.file()


def reroute_chain(size: int) -> Graph:
    canvas = Canvas()
    last = canvas.image()
    for _ in range(size // 2):
        last = canvas.node("Reroute", [("", "*", last)], ["IMAGE"]), 0
        canvas.save(last)
    return canvas.file()


def muted(size: int) -> Graph:
    canvas = Canvas()
    canvas.save(canvas.image())
    for _ in range(size - 2):
        canvas.invert(None, mode=2)
    return canvas.file()


def primitives(size: int) -> Graph:
    canvas = Canvas()
    for index in range(size // 3):
        value = canvas.node("PrimitiveNode", outputs=["INT"], values=[64 + index % 64, "fixed"])
        canvas.nodes[-1]["outputs"][0]["widget"] = {"name": "width"}
        image = canvas.node("EmptyImage", [("width", "INT", (value, 0))], ["IMAGE"], [64, 64, 1, 0])
        canvas.nodes[-1]["inputs"][0]["widget"] = {"name": "width"}
        canvas.save((image, 0))
    return canvas.file()


def one_primitive(size: int) -> Graph:
    canvas = Canvas()
    value = canvas.node("PrimitiveNode", outputs=["INT"], values=[64, "fixed"])
    for _ in range(size // 2):
        image = canvas.node("EmptyImage", [("width", "INT", (value, 0))], ["IMAGE"], [64, 64, 1, 0])
        canvas.nodes[-1]["inputs"][0]["widget"] = {"name": "width"}
        canvas.save((image, 0))
    return canvas.file()


def instances(size: int) -> Graph:
    inner = Canvas()
    inside = inner.definition(1, [("image", "IMAGE")], [inner.invert((INPUT_PANEL, 0))])
    outer = Canvas()
    first = outer.node(definition_id(1), [("image", "IMAGE", (INPUT_PANEL, 0))], ["IMAGE"])
    around = outer.definition(2, [("image", "IMAGE")], [outer.invert((first, 0))])
    canvas = Canvas()
    last = canvas.image()
    for _ in range(size // 4):
        last = canvas.node(definition_id(2), [("image", "IMAGE", last)], ["IMAGE"]), 0
    canvas.save(last)
    return canvas.file(inside, around)


def definitions(size: int) -> Graph:
    canvas = Canvas()
    last = canvas.image()
    made = []
    for number in range(1, size // 2):
        inner = Canvas()
        made.append(inner.definition(number, [("image", "IMAGE")], [inner.invert((INPUT_PANEL, 0))]))
        last = canvas.node(definition_id(number), [("image", "IMAGE", last)], ["IMAGE"]), 0
    canvas.save(last)
    return canvas.file(*made)


def promoted_widgets(size: int) -> Graph:
    """One instance that shows a widget of each node inside, with values of its own, and has an output for each."""
    count = size // 2
    inner = Canvas()
    names = [(f"width{place}", "INT") for place in range(count)]
    images = []
    for place in range(count):
        images.append(
            (inner.node("EmptyImage", [("width", "INT", (INPUT_PANEL, place))], ["IMAGE"], [64, 64, 1, 0]), 0)
        )
        inner.nodes[-1]["inputs"][0]["widget"] = {"name": "width"}
    inside = inner.definition(1, names, images)
    canvas = Canvas()
    shown = canvas.node(definition_id(1), [(*name, None) for name in names], ["IMAGE"] * count, [64] * count)
    for slot, name in zip(canvas.nodes[-1]["inputs"], names, strict=True):
        slot["widget"] = {"name": name[0]}
    for place in range(count):
        canvas.save((shown, place))
    return canvas.file(inside)


def promoted_by_name(size: int) -> Graph:
    """One instance that shows a widget of each node inside by its name alone."""
    count = size // 2
    inner = Canvas()
    images = [inner.image() for _ in range(count)]
    inside = inner.definition(1, [], images)
    canvas = Canvas()
    shown = canvas.node(definition_id(1), [], ["IMAGE"] * count, [64] * count)
    canvas.nodes[-1]["properties"]["proxyWidgets"] = [[str(node_id), "width"] for node_id, _ in images]
    for place in range(count):
        canvas.save((shown, place))
    return canvas.file(inside)


def promoted_with_prefixes(size: int) -> Graph:
    """The same with the names that early editors gave, of a nested instance's widgets."""
    count = size // 2
    inner = Canvas()
    images = [inner.image() for _ in range(count)]
    middle = Canvas()
    nested = middle.node(definition_id(1), [], ["IMAGE"] * count, [])
    canvas = Canvas()
    shown = canvas.node(definition_id(2), [], ["IMAGE"] * count, [64] * count)
    canvas.nodes[-1]["properties"]["proxyWidgets"] = [[str(nested), f"{node_id}: width"] for node_id, _ in images]
    for place in range(count):
        canvas.save((shown, place))
    outputs = [(nested, place) for place in range(count)]
    return canvas.file(inner.definition(1, [], images), middle.definition(2, [], outputs))


SHAPES: Mapping[str, Callable[[int], Graph]] = {
    "one chain": chain,
    "one output to all": fan_out,
    "nodes with widgets": widgets,
    "a chain of bypassed nodes, a node behind each": bypassed_chain,
    "a chain of reroutes, a node behind each": reroute_chain,
    "muted nodes": muted,
    "primitives": primitives,
    "one primitive to all": one_primitive,
    "instances of nested subgraphs": instances,
    "definitions, an instance of each": definitions,
    "promoted widgets of one instance": promoted_widgets,
    "widgets promoted by name": promoted_by_name,
    "widgets promoted by a name with a number": promoted_with_prefixes,
}
