"""Names in `proxyWidgets` that tell the node beside the widget: `7: text`, as early editors wrote them.

Newer ones take the numbers off: what is left is a widget of that name, on a nested instance the input that shows it of
the node whose number stood last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from comfy2runpod.ir.document import Canvas, Document, GraphNode, LinkId, NodeId, Subgraph

_PREFIXES = re.compile(r"(?:\s*\d+\s*:)*\s*(\d+)\s*:\s*(?=\S)")


def plainly_named(document: Document) -> Document:
    """The document with such names as the inputs that they mean; the very same one if there is none."""
    if not any(
        _PREFIXES.match(name)
        for canvas in document.canvases()
        for node in canvas.nodes
        for _, name in node.proxy_widgets
    ):
        return document
    names = _Names(document)
    subgraphs = {
        key: replace(subgraph, canvas=names.canvas(subgraph.canvas)) for key, subgraph in document.subgraphs.items()
    }
    return replace(document, root=names.canvas(document.root), subgraphs=subgraphs)


class _Names:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes: dict[str, Mapping[NodeId, GraphNode]] = {}
        self._inputs: dict[str, frozenset[str]] = {}
        self._shown: dict[str, Mapping[tuple[NodeId, str], str]] = {}

    def canvas(self, canvas: Canvas) -> Canvas:
        return replace(canvas, nodes=tuple(map(self._node, canvas.nodes)))

    def _node(self, node: GraphNode) -> GraphNode:
        definition = self._document.subgraphs.get(node.type)
        if definition is None or not node.proxy_widgets:
            return node
        inner = self._nodes.get(definition.id)
        if inner is None:
            inner = self._nodes[definition.id] = {node.id: node for node in definition.canvas.nodes}
        proxies = ((at, self._meant(inner[at], name) if at in inner else name) for at, name in node.proxy_widgets)
        return replace(node, proxy_widgets=tuple(proxies))

    def _meant(self, node: GraphNode, name: str) -> str:
        prefixes = _PREFIXES.match(name)
        definition = self._document.subgraphs.get(node.type)
        if prefixes is None or name in self._own(node, definition):
            return name
        plain = name[prefixes.end() :]
        return plain if definition is None else self._shown_by(definition).get((prefixes[1], plain), plain)

    def _own(self, node: GraphNode, definition: Subgraph | None) -> frozenset[str]:
        if definition is None:
            return frozenset(slot.name for slot in node.inputs)
        if definition.id not in self._inputs:
            self._inputs[definition.id] = frozenset(slot.name for slot in definition.inputs)
        return self._inputs[definition.id]

    def _shown_by(self, definition: Subgraph) -> Mapping[tuple[NodeId, str], str]:
        """The subgraph's input that is linked to a node's widget, by node and widget."""
        known = self._shown.get(definition.id)
        if known is None:
            by_link: dict[LinkId, str] = {}
            for panel in definition.inputs:
                for link in panel.link_ids:
                    by_link.setdefault(link, panel.name)
            known = self._shown[definition.id] = {
                (node.id, slot.name): by_link[slot.link]
                for node in definition.canvas.nodes
                for slot in node.inputs
                if slot.link is not None and slot.link in by_link
            }
        return known
