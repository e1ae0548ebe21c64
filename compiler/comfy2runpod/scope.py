"""Canvases as they are unfolded: each subgraph under each of its instances, with inputs in the editor's order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from comfy2runpod.catalog import Catalog, NodeClass
from comfy2runpod.ir.document import Canvas, Document, GraphNode, NodeId, Subgraph


@dataclass(frozen=True, slots=True)
class Slot:
    """An input as the editor has it once the class's own declaration has been laid over the file's."""

    name: str
    type: str
    link: int | None


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """One unfolded canvas: the root, or a subgraph under one of its instances."""

    path: tuple[NodeId, ...]
    canvas: Canvas
    nodes: Mapping[NodeId, GraphNode]
    parent: Scope | None = None
    instance: GraphNode | None = None
    definition: Subgraph | None = None
    children: dict[NodeId, Scope] = field(default_factory=dict)

    def node_path(self, node_id: NodeId) -> str:
        """The id that a node of this canvas has in a prompt: `92:11`."""
        return ":".join((*self.path, node_id))


def root_scope(document: Document) -> Scope:
    """The root canvas."""
    return Scope((), document.root, by_id(document.root))


def child_scope(scope: Scope, instance: GraphNode, definition: Subgraph) -> Scope:
    """A definition's canvas under one of its instances; the instance's canvas knows it from now on."""
    child = Scope(
        path=(*scope.path, instance.id),
        canvas=definition.canvas,
        nodes=by_id(definition.canvas),
        parent=scope,
        instance=instance,
        definition=definition,
    )
    scope.children[instance.id] = child
    return child


def by_id(canvas: Canvas) -> Mapping[NodeId, GraphNode]:
    """The canvas's nodes by id; of two with one id the last stays, as in the editor."""
    return {node.id: node for node in canvas.nodes}


def declared_inputs(node_class: NodeClass) -> list[tuple[str, str]]:
    """The names and types of the inputs that a class gives its nodes, in the editor's order."""
    declared: list[tuple[str, str]] = []
    for spec in node_class.inputs:
        if spec.autogrow is not None:
            grow = spec.autogrow
            declared += [(f"{spec.name}.{name}", grow.element.type) for name in grow.names[: max(grow.minimum, 1)]]
        elif not spec.is_widget:
            declared.append((spec.name, spec.type))
    return declared + [(i.name, i.type) for i in node_class.inputs if i.is_widget and not i.socketless]


def laid_over(declared: Sequence[tuple[str, str]], node: GraphNode) -> Iterator[Slot]:
    """A node's inputs: those declared, with the file's links, then what only the file has."""
    links = {slot.name: slot.link for slot in node.inputs}
    for name, kind in declared:
        yield Slot(name, kind, links.get(name))
    names = {name for name, _ in declared}
    for slot in node.inputs:
        if slot.name not in names or not declared:
            yield Slot(slot.name, slot.type, slot.link)


class Inputs:
    """Inputs in the editor's order: what the class declares, sockets first, then what only the file has."""

    def __init__(self, document: Document, catalog: Catalog) -> None:
        self._document = document
        self._catalog = catalog
        self._known: dict[int, tuple[Slot, ...]] = {}

    def of(self, node: GraphNode) -> tuple[Slot, ...]:
        """A node's inputs."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = tuple(self._laid_over(node))
        return known

    def _laid_over(self, node: GraphNode) -> Iterator[Slot]:
        declared: list[tuple[str, str]] = []
        definition = self._document.subgraphs.get(node.type)
        spec = self._catalog.get(node.type)
        if definition is not None:
            declared = [(slot.name, slot.type) for slot in definition.inputs]
        elif spec is not None:
            declared = declared_inputs(spec)
        return laid_over(declared, node)
