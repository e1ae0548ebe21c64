"""Random graphs as the editor saves them: nodes of the shipped catalog, wired by type, in nested subgraphs.

Canvases are drawn forwards: a node's inputs are linked to what stands there already, to a new node that gives the
type, or, inside a subgraph, to its input panel. So every graph is whole and without cycles, and every required input
has a link, until `modes` are drawn over it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, count
from pathlib import Path
from tempfile import gettempdir
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from .palette import CONTROL_WORDS, Draw, Kind, Palette, Slot, control_word, palette, value

Graph = dict[str, Any]
# (the id of the definition, empty for the root canvas; node id) -> the widgets' values by input name.
Values = Mapping[tuple[str, int], Mapping[str, Any]]

# On event, muted, on trigger, and most often bypassed.
MODES = (1, 2, 3, 4, 4, 4)
INPUT_PANEL, OUTPUT_PANEL = -10, -20


@dataclass(frozen=True)
class Case:
    """A saved graph, and what its author reads off each node's widgets."""

    graph: Graph
    values: Values

    @property
    def data(self) -> bytes:
        """The file."""
        return json.dumps(self.graph, ensure_ascii=False).encode()

    def __repr__(self) -> str:
        """Where a graph that failed is written to: it is too long to print, and the editor opens it from there."""
        path = Path(gettempdir()) / f"comfy2runpod-{sha256(self.data).hexdigest()[:12]}.json"
        path.write_bytes(self.data)
        return f"Case({path})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@dataclass(frozen=True)
class Wire:
    """An output that can be linked to."""

    origin: int
    slot: int
    type: str


@dataclass
class Panel:
    """An input that a subgraph shows; `widget` is the slot of the inner widget that it shows."""

    slot: Slot
    value: Any = None
    link_ids: list[int] = field(default_factory=list)


@dataclass
class Definition:
    """A finished subgraph; `shown` are its promoted widgets' values by input name."""

    kind: Kind
    raw: Graph
    shown: Mapping[str, Any]
    proxies: list[list[str]]


@dataclass
class Author:
    """Draws a whole graph."""

    draw: Draw
    palette: Palette
    node_ids: Iterator[int]
    link_ids: Iterator[int]
    definition_ids: Iterator[int]
    definitions: dict[str, Definition] = field(default_factory=dict)
    values: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    def definition(self, depth: int) -> Definition:
        canvas = CanvasAuthor(self, str(UUID(int=next(self.definition_ids), version=4)), depth)
        canvas.fill(self.draw(st.integers(1, 3)))
        wires = [wire for wire in canvas.wires if wire.origin != INPUT_PANEL]
        outputs = self.draw(st.lists(st.sampled_from(wires), min_size=1, max_size=2, unique=True)) if wires else []
        made = canvas.as_definition(outputs)
        self.definitions[made.kind.type] = made
        return made


class CanvasAuthor:
    """Draws one canvas; `id` is its definition's, empty for the root."""

    def __init__(self, author: Author, canvas_id: str, depth: int) -> None:
        self.author = author
        self.draw = author.draw
        self.id = canvas_id
        self.depth = depth
        self.nodes: dict[int, Graph] = {}
        self.links: list[Graph] = []
        self.wires: list[Wire] = []
        self.panels: list[Panel] = []
        self.budget = 12
        self.list_all_widgets = self.draw(st.booleans())

    def chance(self, percent: int) -> bool:
        return self.draw(st.integers(0, 99)) >= 100 - percent

    def fill(self, wishes: int) -> None:
        """Places `wishes` nodes, and all that they need."""
        for _ in range(wishes):
            if self.depth > 0 and self.chance(50):
                self.place_instance()
            else:
                self.place_class(self.author.palette.kinds[self.draw(st.sampled_from(self.author.palette.wishes))])
        if self.chance(30):
            kind = self.draw(st.sampled_from(["Note", "MarkdownNote"]))
            self.add(kind, [], [], [self.draw(st.text(max_size=10))])

    def place_class(self, kind: Kind) -> int:
        """A node of a class, its inputs linked; its id."""
        self.budget -= 1
        specs = self.author.palette.catalog.get(kind.type)
        assert specs is not None
        named: dict[str, Any] = {}
        saved: list[Any] = []
        for spec in specs.inputs:
            if spec.is_widget:
                named[spec.name] = value(self.draw, spec)
                saved += [named[spec.name], *control_word(self.draw, spec)]
        saved += [spec.upload for spec in specs.inputs if spec.upload is not None]
        fed = [(slot, self.feed(slot, named.get(slot.name))) for slot in kind.slots]
        listed = [(s, w) for s, w in fed if s.widget is None or w is not None or self.list_all_widgets]
        node_id = self.add(kind.type, [slot for slot, _ in listed], list(kind.outputs), saved)
        self.author.values[self.id, node_id] = named
        self.join(node_id, [wire for _, wire in listed])
        return node_id

    def place_instance(self) -> int:
        """A node that is an instance of a subgraph, an old one or a new one; its id."""
        self.budget -= 1
        author = self.author
        known = [d for d in author.definitions.values() if _height(d, author.definitions) < self.depth]
        if known and self.chance(60):
            chosen = author.definitions[self.draw(st.sampled_from([d.kind.type for d in known]))]
        else:
            chosen = author.definition(self.depth - 1)
        shown = dict(chosen.shown)
        widgets = {slot.name: slot.widget for slot in chosen.kind.slots if slot.widget is not None}
        if self.chance(30):
            # Set on the instance by an editor that keeps instances' values apart.
            shown |= {name: value(self.draw, spec) for name, spec in widgets.items()}
        fed = [self.feed(slot, shown.get(slot.name)) for slot in chosen.kind.slots]
        saved = [shown[name] for name in widgets] if shown != chosen.shown or self.chance(50) else []
        node_id = self.add(chosen.kind.type, list(chosen.kind.slots), list(chosen.kind.outputs), saved)
        self.nodes[node_id]["properties"] = {"proxyWidgets": chosen.proxies} if self.chance(50) else {}
        self.join(node_id, fed)
        return node_id

    def feed(self, slot: Slot, own: Any) -> Wire | None:
        """Something to link to a slot, None to leave it open."""
        if slot.widget is not None:
            return self.feed_widget(slot, own) if self.budget > 0 and self.chance(25) else None
        if not slot.required and (self.budget <= 0 or not self.chance(25)):
            return None
        fitting = [wire for wire in self.wires if _fits(wire.type, slot.type)]
        if self.id and self.chance(35):
            shown = [p for p in self.panels if p.slot.type == slot.type and p.slot.widget is None]
            if not shown or self.chance(50):
                shown = [self.show(slot)]
            panel = shown[0]
            if slot.required and not panel.slot.required:
                panel.slot = Slot(panel.slot.name, slot.type, required=True)
            return self.through(Wire(INPUT_PANEL, self.panels.index(panel), slot.type))
        if fitting and (self.budget <= 0 or self.chance(60)):
            return self.through(self.draw(st.sampled_from(fitting)))
        made = slot.type == "*" or any(name in self.author.palette.cost for name in slot.type.split(","))
        return self.through(self.produce(slot.type)) if made else None

    def feed_widget(self, slot: Slot, own: Any) -> Wire | None:
        """A link to a widget: from a panel (the widget is promoted), a PrimitiveNode, or a node that gives the type."""
        assert slot.widget is not None
        if self.id and self.chance(50):
            same = [panel for panel in self.panels if panel.slot.widget == slot.widget]
            panel = same[0] if same and self.chance(50) else self.show(slot, own)
            wire = Wire(INPUT_PANEL, self.panels.index(panel), slot.type)
            if panel.link_ids or not self.chance(15):
                return wire
            # A Reroute hides the widget from the panel.
            panel.slot = Slot(panel.slot.name, slot.type, required=False)
            return self.reroute(wire)
        if slot.type in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO") and self.chance(60):
            given = _on_step(slot, value(self.draw, slot.widget))
            saved = (
                [given] if slot.type in ("STRING", "BOOLEAN") else [given, self.draw(st.sampled_from(CONTROL_WORDS))]
            )
            node_id = self.add("PrimitiveNode", [], [slot.type], saved)
            self.nodes[node_id]["outputs"][0]["widget"] = {"name": slot.name}
            return Wire(node_id, 0, slot.type)
        if slot.type in ("INT", "FLOAT", "STRING", "BOOLEAN"):
            fitting = [wire for wire in self.wires if wire.type == slot.type and wire.origin != INPUT_PANEL]
            return self.through(self.draw(st.sampled_from(fitting)) if fitting else self.produce(slot.type))
        return None

    def produce(self, kind: str) -> Wire:
        """A new node that gives a type (any, for `*`)."""
        palette = self.author.palette
        if kind == "*":
            kind = self.draw(st.sampled_from(["IMAGE", "LATENT", "INT", "STRING", "MODEL"]))
        names = [name for name in kind.split(",") if name in palette.cost]
        name = self.draw(st.sampled_from(names))
        limit = palette.cost[name] + (2 if self.budget > 4 else 0)
        cheap = [k.type for k in palette.producers[name] if palette.price(k) <= limit]
        # What passes its type on is what a bypass shows most with.
        passing = [k.type for k in palette.producers[name] if name in k.needs and palette.price(k) <= limit + 2]
        if passing and self.budget > 4 and self.chance(50):
            cheap = passing
        chosen = palette.kinds[self.draw(st.sampled_from(cheap))]
        return Wire(self.place_class(chosen), chosen.outputs.index(name), name)

    def through(self, wire: Wire) -> Wire:
        """The wire, or a Reroute's that it goes through."""
        while self.chance(15):
            wire = self.reroute(wire)
        return wire

    def reroute(self, wire: Wire) -> Wire:
        node_id = self.add("Reroute", [Slot("", "*", required=False)], [wire.type], None)
        self.nodes[node_id]["outputs"][0]["name"] = ""
        self.join(node_id, [wire])
        return Wire(node_id, 0, wire.type)

    def show(self, slot: Slot, own: Any = None) -> Panel:
        """A new input of this subgraph."""
        taken = {panel.slot.name for panel in self.panels}
        name = next(n for n in chain([slot.name], (f"{slot.name}_{i}" for i in count(1))) if n not in taken)
        panel = Panel(Slot(name, slot.type, slot.required and slot.widget is None, slot.widget), own)
        self.panels.append(panel)
        return panel

    def add(self, kind: str, slots: list[Slot], outputs: list[str], saved: list[Any] | None) -> int:
        """A node as it is saved; its id."""
        node_id = next(self.author.node_ids)
        inputs = []
        for slot in slots:
            entry: Graph = {"name": slot.name, "type": slot.type, "link": None}
            if slot.widget is not None:
                entry["widget"] = {"name": slot.name}
            elif not slot.required:
                entry["shape"] = 7
            inputs.append(entry)
        node: Graph = {
            "id": node_id,
            "type": kind,
            "pos": [len(self.nodes) * 300, 0],
            "size": [210, 80],
            "flags": {},
            "order": len(self.nodes),
            "mode": 0,
            "inputs": inputs,
            "outputs": [{"name": name, "type": name, "links": []} for name in outputs],
            "properties": {"Node name for S&R": kind},
        }
        if saved is not None:
            node["widgets_values"] = saved
        self.nodes[node_id] = node
        if kind not in ("PrimitiveNode", "Reroute"):
            self.wires += [Wire(node_id, slot, name) for slot, name in enumerate(outputs)]
        return node_id

    def join(self, target: int, wires: list[Wire | None]) -> None:
        for index, wire in enumerate(wires):
            if wire is not None:
                link_id = self.link(wire, target, index)
                self.nodes[target]["inputs"][index]["link"] = link_id

    def link(self, wire: Wire, target: int, index: int) -> int:
        link_id = next(self.author.link_ids)
        if wire.origin == INPUT_PANEL:
            self.panels[wire.slot].link_ids.append(link_id)
        else:
            self.nodes[wire.origin]["outputs"][wire.slot]["links"].append(link_id)
        self.links.append(
            {
                "id": link_id,
                "origin_id": wire.origin,
                "origin_slot": wire.slot,
                "target_id": target,
                "target_slot": index,
                "type": wire.type,
            }
        )
        return link_id

    def as_definition(self, outputs: list[Wire]) -> Definition:
        ends = [self.link(wire, OUTPUT_PANEL, index) for index, wire in enumerate(outputs)]
        shown = {panel.slot.name: panel.value for panel in self.panels if panel.slot.widget is not None}
        inner = {link["id"]: link for link in self.links}
        proxies = []
        for panel in self.panels:
            if panel.slot.widget is not None:
                end = inner[panel.link_ids[0]]
                name = self.nodes[end["target_id"]]["inputs"][end["target_slot"]]["name"]
                proxies.append(["-1", panel.slot.name] if self.chance(50) else [str(end["target_id"]), name])
        raw: Graph = {
            "id": self.id,
            "version": 1,
            "name": self.draw(st.text(st.characters(codec="ascii", categories=("L",)), min_size=1, max_size=6)),
            "inputNode": {"id": INPUT_PANEL, "bounding": [-300, 0, 120, 60]},
            "outputNode": {"id": OUTPUT_PANEL, "bounding": [900, 0, 120, 60]},
            "inputs": [
                {"id": str(UUID(int=i + 1)), "name": p.slot.name, "type": p.slot.type, "linkIds": p.link_ids}
                for i, p in enumerate(self.panels)
            ],
            "outputs": [
                {"id": str(UUID(int=i + 1)), "name": f"{wire.type}_{i}", "type": wire.type, "linkIds": [end]}
                for i, (wire, end) in enumerate(zip(outputs, ends, strict=True))
            ],
            "widgets": [],
            "nodes": list(self.nodes.values()),
            "links": self.links,
            "groups": [],
        }
        kind = Kind(self.id, tuple(panel.slot for panel in self.panels), tuple(wire.type for wire in outputs))
        return Definition(kind, raw, shown, proxies)


@st.composite
def graphs(draw: Draw, depth: int = 2) -> Case:
    """Whole graphs: every node runs or is a note, every required input is linked, at least one node is an output."""
    author = Author(draw, palette(), count(1), count(1), count(1))
    root = CanvasAuthor(author, "", depth)
    root.fill(draw(st.integers(1, 4)))
    ends = [wire for wire in root.wires if wire.type == "IMAGE"]
    origin = root.through(draw(st.sampled_from(ends)) if ends else root.produce("IMAGE"))
    kinds = author.palette.kinds
    end = kinds[draw(st.sampled_from(["SaveImage", "PreviewImage"]))]
    named = {"filename_prefix": draw(st.text("abc/_", min_size=1, max_size=5))} if end.type == "SaveImage" else {}
    slots = [slot for slot in end.slots if slot.widget is None]
    node_id = root.add(end.type, slots, list(end.outputs), list(named.values()))
    author.values["", node_id] = named
    root.join(node_id, [origin])
    links: list[Any] = root.links
    schema = draw(st.sampled_from([0.4, 1]))
    if schema == 0.4:
        links = [list(link.values()) for link in root.links]
    graph: Graph = {
        "id": str(UUID(int=7)),
        "revision": 0,
        "last_node_id": next(author.node_ids) - 1,
        "last_link_id": next(author.link_ids) - 1,
        "nodes": list(root.nodes.values()),
        "links": links,
        "groups": [],
        "config": {},
        "extra": {"ds": {"scale": 1, "offset": [0, 0]}},
        "version": schema,
    }
    if author.definitions:
        graph["definitions"] = {"subgraphs": [d.raw for d in author.definitions.values()]}
    return Case(graph, author.values)


def canvases(graph: Graph) -> Iterator[Graph]:
    """The root, and every definition."""
    yield graph
    yield from graph.get("definitions", {}).get("subgraphs", [])


@st.composite
def switched_graphs(draw: Draw) -> Case:
    """Graphs some of whose nodes are muted, bypassed, or run on events: what is left may lack links."""
    case = draw(graphs())
    for canvas in canvases(case.graph):
        for node in canvas["nodes"]:
            if draw(st.integers(0, 99)) >= 60:
                node["mode"] = draw(st.sampled_from(MODES))
    return case


def _fits(given: str, wanted: str) -> bool:
    return wanted == "*" or given in wanted.split(",")


def _on_step(slot: Slot, given: Any) -> Any:
    """A number on its widget's step: what a PrimitiveNode gives is rounded to it."""
    spec = slot.widget
    if spec is None or spec.type not in ("INT", "FLOAT"):
        return given
    if spec.type == "FLOAT":
        return spec.minimum if spec.minimum is not None and spec.minimum > -1000 else 0.5
    step, low = int(spec.step or 1), int(spec.minimum or 0)
    return low + (given - low) // step * step if given >= low else low


def _height(definition: Definition, known: Mapping[str, Definition]) -> int:
    """How deep subgraphs are nested inside a definition."""
    inner = [known[node["type"]] for node in definition.raw["nodes"] if node["type"] in known]
    return max((1 + _height(d, known) for d in inner), default=0)
