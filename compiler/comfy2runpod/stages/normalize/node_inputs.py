"""A node's inputs in the editor's order: those of its class, with the file's links, then what only the file has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.slots import DeclaredSlots, Slot, declared_slots
from comfy2runpod.ir.document import Document, GraphNode, LinkId

_Value = TypeVar("_Value")

_NOTHING_DECLARED = declared_slots(())


def laid_over(declared: DeclaredSlots, node: GraphNode) -> tuple[Slot, ...]:
    """A node's inputs: those declared, with the file's links, then what only the file has."""
    declared = (
        declared.grown({slot.name for slot in node.inputs if slot.link is not None}) if declared.parts else declared
    )
    slots, places = declared.slots, declared.places
    found = list(slots)
    for name, kind, link, _, _ in node.inputs:
        if name not in places:
            found.append(Slot(name, kind, link))
            continue
        for place in places[name]:
            own = slots[place]
            found[place] = own if link is None else Slot(own.name, own.type, link)
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
