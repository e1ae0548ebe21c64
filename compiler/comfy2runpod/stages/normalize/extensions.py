"""Nodes that only a pack's extension of the editor knows.

SetNode and GetNode of KJNodes are links that are told by a name instead of being drawn. A GetNode stands for what feeds
the first SetNode of its name, in the order of the file, on its own canvas; the SetNode may be muted or bypassed, the
GetNode may not. Here each GetNode's input is linked to just that, and it is followed like a reroute then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.kinds import Virtual
from comfy2runpod.catalog.facts.table import NodeFacts
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import packs as errors
from comfy2runpod.ir.document import Canvas, Document, GraphNode, InputSlot, Mode


def link_by_name(document: Document, facts: NodeFacts) -> Document:
    """The document with its GetNodes linked.

    Raises:
        CompileError: a GetNode that feeds something has no SetNode on its canvas.
    """
    canvases = document.canvases()
    everywhere = {name for canvas in canvases for name in _setters(canvas.nodes, facts)}
    found = Collector()
    root = _linked(document.root, document.file, facts, everywhere, found)
    subgraphs = {
        key: replace(subgraph, canvas=_linked(subgraph.canvas, document.file, facts, everywhere, found))
        for key, subgraph in document.subgraphs.items()
    }
    found.finish()
    return replace(document, root=root, subgraphs=subgraphs)


def refuse_changed_on_load(document: Document, catalog: Catalog) -> None:
    """Refuses nodes of packs' extensions that change others when a graph is opened, whether they run or not.

    Raises:
        CompileError: there are such nodes.
    """
    found = Collector()
    for canvas in document.canvases():
        for node in canvas.nodes:
            row = catalog.facts.of(node.type).extension
            if row is not None and row.editor_only and node.type not in catalog:
                at = Locus(document.file, node.id, node.title, node.type, json_path=node.json_path)
                found.add(errors.ExtensionDecides(at=at, pack=row.pack, does=row.does, instead=row.instead))
    found.finish()


def _linked(canvas: Canvas, file: str, facts: NodeFacts, everywhere: Iterable[str], found: Collector) -> Canvas:
    setters = _setters(canvas.nodes, facts)

    def linked(node: GraphNode) -> GraphNode:
        if facts.of(node.type).virtual is not Virtual.GET:
            return node
        name = _name(node)
        setter = setters.get(name)
        if setter is None:
            if any(slot.links for slot in node.outputs) and node.mode not in (Mode.NEVER, Mode.BYPASS):
                at = Locus(file, node=node.id, title=node.title, class_type=node.type, json_path=node.json_path)
                found.add(errors.NoSetNode(at=at, name=name, elsewhere=name in everywhere, known=tuple(setters)))
            return replace(node, inputs=())
        given = setter.inputs[:1]
        slots = tuple(InputSlot(slot.name, slot.type, slot.link) for slot in given)
        # What passes an input on where it is bypassed passes nothing on here.
        return replace(node, inputs=slots, mode=Mode.NEVER if node.mode is Mode.BYPASS else node.mode)

    return replace(canvas, nodes=tuple(map(linked, canvas.nodes)))


def _setters(nodes: Iterable[GraphNode], facts: NodeFacts) -> Mapping[str, GraphNode]:
    """The first SetNode of each name."""
    found: dict[str, GraphNode] = {}
    for node in nodes:
        if facts.of(node.type).virtual is Virtual.SET:
            found.setdefault(_name(node), node)
    return found


def _name(node: GraphNode) -> str:
    values = node.widgets_values
    return str(values[0]) if isinstance(values, tuple) and values else ""
