"""Canvases as they are unfolded: each subgraph under each of its instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from comfy2runpod.ir.document import Canvas, Document, GraphNode, NodeId, Subgraph


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
