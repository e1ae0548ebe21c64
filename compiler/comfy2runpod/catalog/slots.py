"""The inputs of a node or a class in the editor's order: sockets first, then widgets."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Slot(NamedTuple):
    """An input, and the link that it says is its own."""

    name: str
    type: str
    link: int | None = None


@dataclass(frozen=True, slots=True)
class Growing:
    """An input that grows: the names of all its slots, of which a new node has the first `shown`."""

    names: tuple[str, ...]
    type: str
    shown: int

    def slots(self, linked: Container[str]) -> Iterator[Slot]:
        """Its slots where some are linked: linking the last brings one more behind it, as long as there are names."""
        shown = self.shown
        while shown < len(self.names) and self.names[shown - 1] in linked:
            shown += 1
        return (Slot(name, self.type) for name in self.names[:shown])


@dataclass(frozen=True, slots=True)
class DeclaredSlots:
    """What a class or a subgraph declares, and the places of each name: a subgraph may give one twice.

    `parts` are the slots with the inputs that grow as they are, where there are any.
    """

    slots: tuple[Slot, ...]
    places: Mapping[str, tuple[int, ...]]
    parts: tuple[Slot | Growing, ...] = ()

    def grown(self, linked: Container[str]) -> DeclaredSlots:
        """The same where the slots of these names are linked."""
        if not any(isinstance(part, Growing) and part.names[part.shown - 1] in linked for part in self.parts):
            return self
        return declared_slots(
            slot for part in self.parts for slot in (part.slots(linked) if isinstance(part, Growing) else (part,))
        )


def declared_slots(parts: Iterable[Slot | Growing]) -> DeclaredSlots:
    """The inputs with their places."""
    given = tuple(parts)
    found = tuple(slot for part in given for slot in (part.slots(()) if isinstance(part, Growing) else (part,)))
    places: dict[str, tuple[int, ...]] = {}
    for index, slot in enumerate(found):
        places[slot.name] = (*places.get(slot.name, ()), index)
    return DeclaredSlots(found, places, given if any(isinstance(part, Growing) for part in given) else ())
