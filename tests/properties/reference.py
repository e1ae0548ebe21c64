"""What every input of a saved graph gets: the editor's rules, applied the naive way to the nested graph itself.

Nothing is flattened and nothing remembered: each question climbs through the canvases anew. Written from the facts
about the editor, not from the compiler, so that the two agreeing means something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from comfy2runpod.catalog.classes import Catalog

from .graphs import INPUT_PANEL, OUTPUT_PANEL, Graph, Values
from .palette import layout

MUTED, BYPASSED = 2, 4
NOTES = ("Note", "MarkdownNote")


@dataclass(frozen=True)
class Link:
    """An output of a node of the prompt."""

    node_id: str
    slot: int


@dataclass(frozen=True)
class Value:
    """A value that comes from somewhere else than the input's own widget."""

    value: Any


class Undecided(Exception):
    """The editor fails here, or goes by the order in which it happens to look."""


@dataclass(frozen=True)
class Place:
    """A canvas as it is met: `path` leads to it, `instance` is the node, on `outer`, that shows it."""

    canvas: Graph
    path: tuple[str, ...] = ()
    instance: Graph | None = None
    outer: Place | None = None

    @property
    def key(self) -> str:
        """The canvas's key in the table of values."""
        return self.canvas["id"] if self.instance is not None else ""

    def node(self, node_id: Any) -> Graph:
        return next(node for node in self.canvas["nodes"] if node["id"] == node_id)

    def links(self) -> Iterator[Graph]:
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        for link in self.canvas["links"]:
            yield link if isinstance(link, dict) else dict(zip(keys, link, strict=True))

    def link(self, link_id: int) -> Graph:
        return next(link for link in self.links() if link["id"] == link_id)


class Reference:
    """Answers for one graph. `instance_keeps_values`: a promoted widget's value is its instance's (editor 1.58)."""

    def __init__(self, graph: Graph, values: Values, catalog: Catalog, *, instance_keeps_values: bool) -> None:
        self.root = Place(graph)
        self.values = values
        self.catalog = catalog
        self.instance_keeps_values = instance_keeps_values
        self.definitions = {d["id"]: d for d in graph.get("definitions", {}).get("subgraphs", [])}
        # What PrimitiveNodes write over widgets: (canvas, node, input) -> the values, which differ only if they clash.
        self.written: dict[tuple[str, int, str], list[Any]] = {}
        self._write(self.root)

    def prompt(self) -> dict[str, Graph]:
        """The prompt that the editor would queue: id -> class and inputs."""
        running = {self._id(place, node): (place, node) for place, node in self._running(self.root)}
        prompt = {}
        for node_id, (place, node) in running.items():
            inputs = {name: self._own(place, node, name) for name in self.values[place.key, node["id"]]}
            for slot in node["inputs"]:
                match self.resolve_input(place, node, self._index(node, slot["name"])):
                    case Link(other, output) if other in running:
                        inputs[slot["name"]] = [other, output]
                    case Link():
                        inputs.pop(slot["name"], None)
                    case Value(value):
                        inputs[slot["name"]] = value
            prompt[node_id] = {"class_type": node["type"], "inputs": inputs}
        return prompt

    def _running(self, place: Place) -> Iterator[tuple[Place, Graph]]:
        for node in place.canvas["nodes"]:
            off = node["mode"] in (MUTED, BYPASSED)
            if node["type"] in self.definitions:
                # Only on the root canvas does a switched-off instance take its inner nodes along.
                if not off or place.outer is not None:
                    yield from self._running(self._inside(place, node))
            elif not off and node["type"] not in (*NOTES, "Reroute", "PrimitiveNode"):
                yield place, node

    def _inside(self, place: Place, instance: Graph) -> Place:
        return Place(self.definitions[instance["type"]], (*place.path, str(instance["id"])), instance, place)

    def _id(self, place: Place, node: Graph) -> str:
        return ":".join((*place.path, str(node["id"])))

    def resolve_input(self, place: Place, node: Graph, index: int, wanted: str | None = None) -> Link | Value | None:
        """Where an input's value comes from; None: from nowhere else than its own widget."""
        slot = self._slots(node)[index]
        if slot["link"] is None:
            return None
        link = place.link(slot["link"])
        if link["origin_id"] == INPUT_PANEL:
            assert place.instance is not None
            assert place.outer is not None
            shown = place.instance["inputs"][link["origin_slot"]]
            if shown["link"] is not None:
                return self.resolve_input(place.outer, place.instance, link["origin_slot"])
            return self._shown_value(place, link["origin_slot"]) if "widget" in shown else None
        origin = place.node(link["origin_id"])
        return self._resolve_output(place, origin, link["origin_slot"], wanted or slot["type"])

    def _resolve_output(self, place: Place, node: Graph, slot: int, wanted: str) -> Link | Value | None:
        if node["mode"] == MUTED:
            return None
        if node["mode"] == BYPASSED:
            index = self._bypass(node, slot, wanted)
            return None if index is None else self.resolve_input(place, node, index)
        if node["type"] in self.definitions:
            inside = self._inside(place, node)
            ends = [e for e in inside.links() if e["target_id"] == OUTPUT_PANEL and e["target_slot"] == slot]
            if not ends:
                return None
            return self._resolve_output(inside, inside.node(ends[0]["origin_id"]), ends[0]["origin_slot"], wanted)
        if node["type"] == "Reroute":
            return self.resolve_input(place, node, 0, wanted)
        if node["type"] == "PrimitiveNode":
            return None
        return Link(self._id(place, node), slot)

    def _bypass(self, node: Graph, slot: int, wanted: str) -> int | None:
        """Which input a bypassed node's output passes on."""
        types = [entry["type"] for entry in self._slots(node)]
        if wanted in ("*", ""):
            if not types:
                raise Undecided
            return slot if slot < len(types) else 0
        given = node["outputs"][slot]["type"]
        if slot < len(types) and _fit(types[slot], given) and _fit(types[slot], wanted):
            return slot
        if wanted in types:
            return types.index(wanted)
        return next((i for i, kind in enumerate(types) if _fit(kind, given) and _fit(kind, wanted)), None)

    def _write(self, place: Place) -> None:
        """Gives each PrimitiveNode's value to the widgets that it is linked to, switched off or not.

        A promoted widget is written through to the inner one, for all instances, unless each keeps its own.
        """
        for node in place.canvas["nodes"]:
            if node["type"] in self.definitions:
                self._write(self._inside(place, node))
            if node["type"] == "PrimitiveNode":
                for link in place.links():
                    if link["origin_id"] == node["id"]:
                        target = place.node(link["target_id"])
                        self._write_to(place, target, link["target_slot"], node["widgets_values"][0])

    def _write_to(self, place: Place, target: Graph, index: int, value: Any) -> None:
        entry = target["inputs"][index]
        if target["type"] not in self.definitions and "widget" in entry:
            values = self.written.setdefault((place.key, target["id"], entry["name"]), [])
            if value not in values:
                values.append(value)
        elif target["type"] in self.definitions and not self.instance_keeps_values:
            inside = self._inside(place, target)
            for link in inside.links():
                if link["origin_id"] == INPUT_PANEL and link["origin_slot"] == index:
                    self._write_to(inside, inside.node(link["target_id"]), link["target_slot"], value)

    def _own(self, place: Place, node: Graph, name: str) -> Any:
        """A widget's own value, or what a PrimitiveNode wrote over it."""
        written = self.written.get((place.key, node["id"], name))
        if written is None:
            return self.values[place.key, node["id"]][name]
        if len(written) > 1:
            raise Undecided
        return written[0]

    def _shown_value(self, place: Place, index: int) -> Value | None:
        """A promoted widget's value, as its instance shows it."""
        assert place.instance is not None
        if self.instance_keeps_values and self._values_kept(place):
            shown = [i for i, entry in enumerate(place.instance["inputs"]) if "widget" in entry]
            saved = place.instance["widgets_values"]
            if len(saved) == len(shown):
                return Value(saved[shown.index(index)])
        inner = self._promoted(place, index)
        if inner is None:
            return None
        canvas, node, slot = inner
        if node["type"] in self.definitions:
            return self._shown_value(self._inside(canvas, node), slot)
        return Value(self._own(canvas, node, node["inputs"][slot]["name"]))

    def _values_kept(self, place: Place) -> bool:
        """Whether editor 1.58 keeps an instance's values when it opens the file.

        It opens inner definitions first, but in the file's order if a definition holds another one twice: it then
        takes them for a cycle. The values of an instance whose own definition is opened later are lost.
        """
        assert place.outer is not None
        held = [[n["type"] for n in d["nodes"] if n["type"] in self.definitions] for d in self.definitions.values()]
        order = list(self.definitions)
        sorted_well = all(len(types) == len({*types}) for types in held)
        return sorted_well or place.outer.outer is None or order.index(place.key) < order.index(place.outer.key)

    def _promoted(self, place: Place, index: int) -> tuple[Place, Graph, int] | None:
        """The widget of a subgraph's input: the first that it is linked to."""
        for link_id in place.canvas["inputs"][index]["linkIds"]:
            link = place.link(link_id)
            target = place.node(link["target_id"])
            if "widget" in target["inputs"][link["target_slot"]]:
                return place, target, link["target_slot"]
        return None

    def _slots(self, node: Graph) -> list[Graph]:
        """A node's inputs as the editor lays them out: all that its class has, whatever the file lists."""
        node_class = self.catalog.get(node["type"])
        if node_class is None:
            return node["inputs"]
        saved = {entry["name"]: entry for entry in node["inputs"]}
        laid_out = [{"name": s.name, "type": s.type, "link": None} for s in layout(node_class.inputs)]
        return [saved.get(entry["name"], entry) for entry in laid_out]

    def _index(self, node: Graph, name: str) -> int:
        return next(i for i, entry in enumerate(self._slots(node)) if entry["name"] == name)


def _fit(left: str, right: str) -> bool:
    if left in ("*", "") or right in ("*", ""):
        return True
    return bool({*left.lower().split(",")} & {*right.lower().split(",")})
