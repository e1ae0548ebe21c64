"""Canvases as they are unfolded: each subgraph under each of its instances, with inputs in the editor's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.slots import DeclaredSlots, Slot, declared_slots
from comfy2runpod.ir.document import Canvas, Document, GraphNode, LinkId, NodeId, Subgraph

_Value = TypeVar("_Value")

_NOTHING_DECLARED = declared_slots(())


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """One unfolded canvas: the root, or a subgraph under one of its instances, whose path is `path`."""

    path: str
    canvas: Canvas
    nodes: Mapping[NodeId, GraphNode]
    parent: Scope | None = None
    instance: GraphNode | None = None
    definition: Subgraph | None = None
    children: dict[NodeId, Scope] = field(default_factory=dict)

    def node_path(self, node_id: NodeId) -> str:
        """The id that a node of this canvas has in a prompt: `92:11`."""
        return f"{self.path}:{node_id}" if self.path else node_id


class Scopes:
    """Makes the scopes of one document; the nodes of a definition are looked through once for all its instances."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes: dict[str, Mapping[NodeId, GraphNode]] = {}

    def root(self) -> Scope:
        """The root canvas."""
        return Scope("", self._document.root, _by_id(self._document.root))

    def child(self, scope: Scope, instance: GraphNode, definition: Subgraph) -> Scope:
        """A definition's canvas under one of its instances; the instance's canvas knows it from now on."""
        nodes = self._nodes.get(definition.id)
        if nodes is None:
            nodes = self._nodes[definition.id] = _by_id(definition.canvas)
        child = Scope(
            path=scope.node_path(instance.id),
            canvas=definition.canvas,
            nodes=nodes,
            parent=scope,
            instance=instance,
            definition=definition,
        )
        scope.children[instance.id] = child
        return child


def _by_id(canvas: Canvas) -> Mapping[NodeId, GraphNode]:
    """The canvas's nodes by id; of two with one id the last stays, as in the editor."""
    return {node.id: node for node in canvas.nodes}


def laid_over(declared: DeclaredSlots, node: GraphNode) -> tuple[Slot, ...]:
    """A node's inputs: those declared, with the file's links, then what only the file has."""
    declared = (
        declared.grown({slot.name for slot in node.inputs if slot.link is not None}) if declared.parts else declared
    )
    found = list(declared.slots)
    for slot in node.inputs:
        places = declared.places.get(slot.name)
        if places is None:
            found.append(Slot(slot.name, slot.type, slot.link))
        else:
            for place in places:
                found[place] = declared.slots[place].linked(slot.link)
    return tuple(found)


class Inputs:
    """Inputs in the editor's order: what the class declares, sockets first, then what only the file has."""

    def __init__(self, document: Document, catalog: Catalog) -> None:
        self._document = document
        self._catalog = catalog
        self._known: dict[int, tuple[Slot, ...]] = {}
        self._by_link: dict[int, Mapping[LinkId | None, int]] = {}
        self._by_name: dict[int, Mapping[str, int]] = {}
        self._declared: dict[str, DeclaredSlots] = {}

    def of(self, node: GraphNode) -> tuple[Slot, ...]:
        """A node's inputs."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = self._laid_over(node)
        return known

    def linked_by(self, node: GraphNode, link_id: LinkId) -> int | None:
        """The first of a node's inputs that says that its link is that one."""
        known = self._by_link.get(id(node))
        if known is None:
            known = self._by_link[id(node)] = _first_places(slot.link for slot in self.of(node))
        return known.get(link_id)

    def named(self, node: GraphNode, name: str) -> int | None:
        """The first of a node's inputs that has that name."""
        known = self._by_name.get(id(node))
        if known is None:
            known = self._by_name[id(node)] = _first_places(slot.name for slot in self.of(node))
        return known.get(name)

    def _laid_over(self, node: GraphNode) -> tuple[Slot, ...]:
        declared = self._declared.get(node.type)
        if declared is None:
            declared = self._declared[node.type] = self._declared_by(node.type)
        return laid_over(declared, node)

    def _declared_by(self, node_type: str) -> DeclaredSlots:
        definition = self._document.subgraphs.get(node_type)
        if definition is not None:
            return declared_slots(Slot(slot.name, slot.type) for slot in definition.inputs)
        node_class = self._catalog.get(node_type)
        return node_class.slots if node_class is not None else _NOTHING_DECLARED


def _first_places(values: Iterable[_Value]) -> Mapping[_Value, int]:
    found: dict[_Value, int] = {}
    for index, value in enumerate(values):
        found.setdefault(value, index)
    return found
