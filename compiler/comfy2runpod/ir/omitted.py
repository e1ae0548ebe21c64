"""variants: what is omitted of a request, and what the prompt becomes without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from comfy2runpod.diagnostics import Diagnostic
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.document import NodeId

# Where a node is kept: the id of the definition that it stands in, None for the root canvas, and its own id there.
Place: TypeAlias = tuple[str | None, NodeId]


@dataclass(frozen=True, slots=True)
class Omission:
    """Fields that are omitted together, in the note's order, and the nodes that are bypassed where they are."""

    fields: tuple[str, ...]
    bypassed: frozenset[Place]


@dataclass(frozen=True, slots=True)
class Without:
    """The graph without some fields, bound; None if nothing would run. `refused` says why it makes no prompt."""

    fields: tuple[str, ...]
    graph: BoundGraph | None
    refused: tuple[Diagnostic, ...] = ()
