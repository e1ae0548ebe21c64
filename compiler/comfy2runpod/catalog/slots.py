"""The inputs of a node or a class in the editor's order: sockets first, then widgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Slot(NamedTuple):
    """An input, and the link that it says is its own."""

    name: str
    type: str
    link: int | None = None

    def linked(self, link: int | None) -> Slot:
        """The input with that link."""
        return self if link is None else Slot(self.name, self.type, link)


@dataclass(frozen=True, slots=True)
class DeclaredSlots:
    """What a class or a subgraph declares, and the places of each name: a subgraph may give one twice."""

    slots: tuple[Slot, ...]
    places: Mapping[str, tuple[int, ...]]


def declared_slots(slots: Iterable[Slot]) -> DeclaredSlots:
    """The inputs with their places."""
    found = tuple(slots)
    places: dict[str, tuple[int, ...]] = {}
    for index, slot in enumerate(found):
        places[slot.name] = (*places.get(slot.name, ()), index)
    return DeclaredSlots(found, places)
