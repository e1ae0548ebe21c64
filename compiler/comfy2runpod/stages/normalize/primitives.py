"""PrimitiveNodes: a value that is written into the widgets it is linked to before a prompt is made.

They are no nodes of a prompt and no origins of links: whatever the links lead to on the same canvas holds the value
instead of its own, muted or not. A reroute between them, or a subgraph's panel, takes nothing in. Written into a widget
that a subgraph's instance shows, it goes to the node inside, and so to all instances; where instances keep values of
their own, it goes nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.kinds import Virtual
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.editor import EditorProfile
from comfy2runpod.ir.document import Canvas, Document, GraphNode, LinkId, NodeId, Subgraph
from comfy2runpod.stages.widgets.assign import CONTROL_WORDS
from comfy2runpod.stages.widgets.numbers import NUMBERS, as_number, clamped, merged, stepped
from comfy2runpod_contract.json_types import Json

# A canvas: a definition's id, or "" for the root.
CanvasKey = str
ROOT: CanvasKey = ""


@dataclass(frozen=True, slots=True)
class _Target:
    """A widget that a value is written into, `spec` None if its class is not known."""

    canvas: CanvasKey
    node: NodeId
    input: str
    spec: InputSpec | None


def apply_primitives(
    document: Document,
    catalog: Catalog,
    profile: EditorProfile,
    text: Callable[[str], str],
) -> Document:
    """The document with the values of its PrimitiveNodes written into the nodes that they feed.

    Args:
        document: the graph, with unique ids.
        catalog: the classes, for what a widget makes of a value.
        profile: the editor whose rules count.
        text: resolves `%Node.widget%` in a value whose PrimitiveNode asks for it.
    """
    written: dict[CanvasKey, dict[NodeId, dict[str, Json]]] = {}
    controls: dict[CanvasKey, dict[NodeId, dict[str, str]]] = {}
    finder = _Finder(document, catalog, profile)
    for key, canvas in finder.canvases():
        for node in canvas.nodes:
            if catalog.facts.of(node.type).virtual is Virtual.PRIMITIVE:
                for target, value in _writes(node, finder.targets(key, canvas, node), text):
                    written.setdefault(target.canvas, {}).setdefault(target.node, {})[target.input] = value
                    controls.setdefault(target.canvas, {}).setdefault(target.node, {})[target.input] = _control(node)
    if not written:
        return document
    return replace(
        document,
        root=_with(document.root, written.get(ROOT), controls.get(ROOT)),
        subgraphs={
            key: replace(subgraph, canvas=_with(subgraph.canvas, written.get(key), controls.get(key)))
            if key in written
            else subgraph
            for key, subgraph in document.subgraphs.items()
        },
    )


def _with(
    canvas: Canvas,
    written: Mapping[NodeId, Mapping[str, Json]] | None,
    controls: Mapping[NodeId, Mapping[str, str]] | None,
) -> Canvas:
    if not written or not controls:
        return canvas
    nodes = tuple(
        replace(node, written=written[node.id], written_controls=controls[node.id]) if node.id in written else node
        for node in canvas.nodes
    )
    return replace(canvas, nodes=nodes)


def _control(node: GraphNode) -> str:
    """The control word of a PrimitiveNode, which stands behind its value."""
    values = node.widgets_values
    word = values[1] if isinstance(values, tuple) and len(values) > 1 else None
    return word if isinstance(word, str) and word in CONTROL_WORDS else "fixed"


def _writes(
    node: GraphNode, links: tuple[tuple[_Target, ...], ...], text: Callable[[str], str]
) -> Iterator[tuple[_Target, Json]]:
    values = node.widgets_values
    # The first link decides what the node is; if that leads to no widget, it has no value.
    if not isinstance(values, tuple) or not values or not links or not links[0]:
        return
    value = values[0]
    spec = links[0][0].spec
    if spec is not None and spec.type in NUMBERS and (number := as_number(value)) is not None:
        for targets in links:
            other = targets[0].spec if targets else None
            both = merged(spec, other) if other is not None else None
            if both is not None:
                spec = both
                number = stepped(spec, clamped(spec, number))
        value = number
    if node.replaces_text and isinstance(value, str):
        value = text(value)
    for target in (target for targets in links for target in targets):
        number = as_number(value) if target.spec is not None and target.spec.type in NUMBERS else None
        yield target, value if number is None or target.spec is None else stepped(target.spec, number)


class _Finder:
    def __init__(self, document: Document, catalog: Catalog, profile: EditorProfile) -> None:
        self._document = document
        self._catalog = catalog
        self._profile = profile
        self._nodes: dict[CanvasKey, Mapping[NodeId, GraphNode]] = {}

    def canvases(self) -> Iterator[tuple[CanvasKey, Canvas]]:
        yield ROOT, self._document.root
        for key, subgraph in self._document.subgraphs.items():
            yield key, subgraph.canvas

    def targets(self, key: CanvasKey, canvas: Canvas, node: GraphNode) -> tuple[tuple[_Target, ...], ...]:
        """What each of a PrimitiveNode's links leads to: several widgets, or none that takes a value."""
        nodes = self._by_id(key, canvas)
        found = []
        for link_id in node.outputs[0].links if node.outputs else ():
            link = canvas.links.get(link_id)
            target = nodes.get(link.target_id) if link is not None and link.origin_id == node.id else None
            found.append(tuple(self._behind(key, target, link_id)) if target is not None else ())
        return tuple(found)

    def _behind(self, key: CanvasKey, node: GraphNode, link_id: LinkId) -> Iterator[_Target]:
        """The widgets that a link into a node, or into a subgraph's instance, writes into."""
        waiting = [(key, node, link_id)]
        # A definition has instances in several places, and in a broken file inside itself.
        passed: set[tuple[CanvasKey, NodeId, LinkId]] = set()
        while waiting:
            key, node, link_id = waiting.pop()
            slot = next((slot for slot in node.inputs if slot.link == link_id), None)
            if (key, node.id, link_id) in passed or slot is None:
                continue
            passed.add((key, node.id, link_id))
            if self._catalog.facts.of(node.type).virtual is not None:
                continue
            definition = self._document.subgraphs.get(node.type)
            if definition is not None:
                waiting.extend(reversed(tuple(self._inside(definition, slot.name))))
                continue
            node_class = self._catalog.get(node.type)
            spec = node_class.by_name.get(slot.name) if node_class is not None else None
            if spec.is_widget if spec is not None else slot.widget is not None:
                yield _Target(key, node.id, slot.name, spec)

    def _inside(self, definition: Subgraph, name: str) -> Iterator[tuple[CanvasKey, GraphNode, LinkId]]:
        """What an input of a subgraph is linked to inside it, where a value goes on to the nodes there."""
        if self._profile.instance_keeps_values:
            return
        panel = next((panel for panel in definition.inputs if panel.name == name), None)
        nodes = self._by_id(definition.id, definition.canvas)
        for link_id in panel.link_ids if panel is not None else ():
            link = definition.canvas.links.get(link_id)
            inner = nodes.get(link.target_id) if link is not None else None
            if inner is not None:
                yield definition.id, inner, link_id

    def _by_id(self, key: CanvasKey, canvas: Canvas) -> Mapping[NodeId, GraphNode]:
        if key not in self._nodes:
            self._nodes[key] = {node.id: node for node in canvas.nodes}
        return self._nodes[key]
