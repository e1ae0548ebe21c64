"""flatten -> bind: the nodes that run, under their prompt ids, with every link followed to its real origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from comfy2runpod.diagnostics.cut import Cut
from comfy2runpod.ir.document import GraphNode
from comfy2runpod_contract.json_types import Json


@dataclass(frozen=True, slots=True)
class FromNode:
    """A link to an output slot of another flat node."""

    node_id: str
    slot: int


@dataclass(frozen=True, slots=True)
class FromWidget:
    """A subgraph's input with nothing linked to it: the value is that of the widget inside that it stands for."""

    node: GraphNode
    input: str


@dataclass(frozen=True, slots=True)
class FromInstance:
    """A value that a subgraph's instance holds of its own, for a widget that it shows; `instance` is its path."""

    instance: str
    value: Json


Origin: TypeAlias = FromNode | FromWidget | FromInstance


@dataclass(frozen=True, slots=True)
class FlatNode:
    """A node that runs. `id` is the path such as `92:11`; `origins` maps input name to where its value comes from.

    `cuts` says of linked inputs that get nothing, or no more than a widget's value, where their way ends. `reset` are
    inputs whose saved choice the editor loses on load.
    """

    id: str
    node: GraphNode
    origins: Mapping[str, Origin]
    reset: frozenset[str] = frozenset()
    cuts: Mapping[str, Cut] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exposed:
    """An input that a subgraph's instance shows and nothing is linked to: the inputs of flat nodes it reaches."""

    path: str
    name: str
    label: str | None
    type: str
    targets: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FlatGraph:
    """The flat nodes in prompt order, and what the author exposed."""

    file: str
    nodes: Mapping[str, FlatNode]
    exposed: tuple[Exposed, ...]
