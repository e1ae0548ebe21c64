"""Every input of the prompt is written once: by one field, or by the worker, which gives each job's files a name.

Else the first of two values would be dropped without a word, and the answer would name a seed that was not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import fed_once as errors
from comfy2runpod.fields import Field, Target
from comfy2runpod.fields.draft import Reached
from comfy2runpod.ir.annotation import OutputAnnotation
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.prompt import as_link

# A node and one of its inputs.
Place: TypeAlias = tuple[str, str]


class FileNames:
    """The inputs that the worker writes itself: the prefix of each output's file names; and what leads only there."""

    def __init__(self, graph: BoundGraph, outputs: Iterable[OutputAnnotation]) -> None:
        self._outputs = dict(_prefix_places(graph, outputs))
        idle = graph.needed() - graph.needed(without=self._outputs)
        self._led: dict[str, list[str]] = {}
        for (node_id, name), output in self._outputs.items() if idle else ():
            for origin in graph.behind(as_link(graph.nodes[node_id].inputs.get(name))) & idle:
                self._led.setdefault(origin, []).append(output)

    def replaced(self, node_id: str, name: str) -> str | None:
        """The outputs whose file names take the place of a value written here; None if the value counts."""
        return self._outputs.get((node_id, name)) or ", ".join(self._led.get(node_id, ())) or None


def _prefix_places(graph: BoundGraph, outputs: Iterable[OutputAnnotation]) -> Iterator[tuple[Place, str]]:
    for output in outputs:
        node = graph.nodes.get(output.node)
        prefix = node.node_class.prefix_input if node is not None else None
        if node is not None and prefix is not None:
            yield (node.id, prefix), output.name


def each_once(reached: Iterable[Reached]) -> tuple[Reached, ...]:
    """What a field reaches, without what it reaches twice in the same way (by a node's path, and by a subgraph's)."""
    return tuple({item.target: item for item in reached}.values())


def check_fed_once(fields: Iterable[Field], names: FileNames, at: Callable[[str], Locus], found: Collector) -> None:
    """Reports every input that two write; `at` is the place of a field in the note."""
    first: dict[tuple[str, str, str | None], str] = {}
    for field in fields:
        for target in field.targets:
            path = path_of(target)
            output = names.replaced(target.node_id, target.input)
            if output is not None:
                found.add(errors.FeedsAFileName(at=at(field.name), field=field.name, path=path, output=output))
            place = (target.node_id, target.input, target.member)
            if place in first:
                here, other = at(field.name), first[place]
                other_at = None if other == field.name else at(other)
                found.add(errors.FedTwice(at=here, field=field.name, other=other, path=path, other_at=other_at))
            first.setdefault(place, field.name)


def path_of(target: Target) -> str:
    """The path of a note's `from` for what a field writes."""
    return f"{target.node_id}.{target.input}" + (f".{target.member}" if target.member else "")
