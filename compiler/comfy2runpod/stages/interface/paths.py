"""What the paths of a note name: `92:11.noise_seed`, an input of a node, or `92.text`, what a subgraph exposes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.diagnostics import Suggestions
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.flat import Exposed
from comfy2runpod.ir.prompt import as_link


class Place(NamedTuple):
    """An input of a node that runs; `member` is a key inside an object-valued widget, or None."""

    node: BoundNode
    spec: InputSpec
    input: str
    member: str | None = None


class Paths:
    """Finds inputs by their paths."""

    def __init__(self, graph: BoundGraph, exposed: tuple[Exposed, ...]) -> None:
        self._graph = graph
        self._exposed: dict[str, list[Exposed]] = {}
        for item in exposed:
            self._exposed.setdefault(item.path, []).append(item)

    def on_root(self) -> Iterator[Exposed]:
        """What subgraphs show on the root canvas."""
        return (item for path, items in self._exposed.items() if ":" not in path for item in items)

    def resolve(self, path: str) -> list[Place]:
        """The inputs that a path names; none if it names nothing."""
        node_id, _, name = path.partition(".")
        for exposed in self._exposed.get(node_id, ()):
            if name in (exposed.name, exposed.label):
                found = [self._input(target, inner) for target, inner in exposed.targets]
                return [item for item in found if item is not None]
        item = self._input(node_id, name)
        return [item] if item is not None else []

    def _input(self, node_id: str, name: str) -> Place | None:
        node = self._graph.nodes.get(node_id)
        if node is None:
            return None
        name = node.node_class.facts.current_name(name)
        if name in node.specs and name in node.inputs:
            return Place(node, node.specs[name], name)
        outer, _, member = name.rpartition(".")
        value = node.inputs.get(outer)
        if outer in node.specs and isinstance(value, dict) and member in value:
            return Place(node, node.specs[outer], outer, member)
        return None

    def why_not(self, path: str) -> str:
        """Why a path names nothing."""
        node_id, _, name = path.partition(".")
        node = self._graph.nodes.get(node_id)
        if node is not None:
            names = ", ".join(node.inputs) or "none"
            return f"node {node_id} ({node.node_class.name}) has no input {name}; its inputs are {names}"
        exposed = [e.label or e.name for e in self._exposed.get(node_id, ())]
        if exposed:
            return f"subgraph {node_id} exposes no input {name}; it exposes {', '.join(exposed)}"
        return f"there is no node {node_id} that runs"

    @cached_property
    def near(self) -> Suggestions:
        """The nearest paths that name something."""
        return Suggestions(dict.fromkeys(self._known_paths()))

    def _known_paths(self) -> Iterator[str]:
        for exposed in chain.from_iterable(self._exposed.values()):
            yield f"{exposed.path}.{exposed.name}"
            if exposed.label:
                yield f"{exposed.path}.{exposed.label}"
        for node in self._graph.nodes.values():
            for name, value in node.inputs.items():
                if as_link(value) is None:
                    yield f"{node.id}.{name}"
