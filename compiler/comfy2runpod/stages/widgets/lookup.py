"""The value of any widget on any canvas, by the name of its node: what `%Node.widget%` in a text stands for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.editor import EditorProfile
from comfy2runpod.ir.document import Canvas, Document, GraphNode
from comfy2runpod.stages.widgets.assign import assign
from comfy2runpod_contract.json_types import Json

_MOST_NODES = 100_000


class WidgetFinder:
    """Finds widgets by node name: what the node calls itself for this purpose, which is its class, else its title."""

    def __init__(self, document: Document, catalog: Catalog, profile: EditorProfile) -> None:
        self._document = document
        self._catalog = catalog
        self._profile = profile

    def __call__(self, node_name: str, widget: str) -> tuple[Json, ...]:
        """The widget's value in a tuple; empty if there is no such node, or it has no such widget."""
        node = self._by_alias.get(node_name) or self._by_title.get(node_name)
        if node is None:
            return ()
        if widget in node.written:
            return (node.written[widget],)
        node_class = self._catalog.get(node.type)
        if node_class is None:
            return ()
        values = assign(node_class, node.widgets_values, self._profile).values
        return (values[widget],) if widget in values else ()

    @cached_property
    def _nodes(self) -> tuple[GraphNode, ...]:
        """All nodes in the editor's order: what is inside an instance before the instance itself."""
        found: list[GraphNode] = []
        waiting: list[tuple[Iterator[GraphNode], GraphNode | None]] = [(iter(self._document.root.nodes), None)]
        entered: list[str] = []
        while waiting and len(found) < _MOST_NODES:
            nodes, instance = waiting[-1]
            node = next(nodes, None)
            if node is None:
                waiting.pop()
                if instance is not None:
                    entered.pop()
                    found.append(instance)
                continue
            inside = self._inside(node, entered)
            if inside is None:
                found.append(node)
            else:
                entered.append(node.type)
                waiting.append((iter(inside.nodes), node))
        return tuple(found)

    def _inside(self, node: GraphNode, entered: list[str]) -> Canvas | None:
        definition = self._document.subgraphs.get(node.type)
        return definition.canvas if definition is not None and node.type not in entered else None

    @cached_property
    def _by_alias(self) -> dict[str, GraphNode]:
        found: dict[str, GraphNode] = {}
        for node in self._nodes:
            found.setdefault(node.alias or node.type, node)
        return found

    @cached_property
    def _by_title(self) -> dict[str, GraphNode]:
        found: dict[str, GraphNode] = {}
        for node in self._nodes:
            node_class = self._catalog.get(node.type)
            title = node.title or (node_class.title if node_class is not None else None)
            if title is not None:
                found.setdefault(title, node)
        return found
