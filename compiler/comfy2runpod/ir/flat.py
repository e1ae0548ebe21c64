"""flatten -> bind: the nodes that run, under their prompt ids, with every link followed to its real origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from comfy2runpod.ir.document import GraphNode
from comfy2runpod.ir.json import Json


@dataclass(frozen=True, slots=True)
class FromNode:
    """A link to an output slot of another flat node."""

    node_id: str
    slot: int


@dataclass(frozen=True, slots=True)
class FromPrimitive:
    """A PrimitiveNode's value, given in place of the input's own; the editor rounds it to the input's step."""

    value: Json
    giver: str


@dataclass(frozen=True, slots=True)
class FromInstance:
    """The value of a widget that a subgraph's instance shows, for an input that it feeds and nothing is linked to.

    Editors differ in what that value is: the inner widget's own (`inner`: the node and input that the promoted widget
    stands for, None if it stands for none), or the one saved with the instance (`saved`, a tuple of one value, empty
    if the instance saves none that fits).
    """

    giver: str
    name: str
    inner: tuple[GraphNode, str] | None
    saved: tuple[Json, ...]


Origin: TypeAlias = FromNode | FromPrimitive | FromInstance


@dataclass(frozen=True, slots=True)
class FlatNode:
    """A node that runs. `id` is the path such as `92:11`; `origins` maps input name to where its value comes from."""

    id: str
    node: GraphNode
    origins: Mapping[str, Origin]


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
