"""Where the way of a link ends that comes to no node, for messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from comfy2runpod.diagnostics.locus import Locus


class CutBy(Enum):
    """What ends the way of a link before it comes to a node that runs."""

    MUTED = auto()
    BYPASSED = auto()
    OPEN_INPUT = auto()
    EMPTY_SUBGRAPH = auto()


@dataclass(frozen=True, slots=True)
class Cut:
    """Why a linked input gets nothing. `at` is where its way ends: the node, and its open input or empty output."""

    by: CutBy
    at: Locus
