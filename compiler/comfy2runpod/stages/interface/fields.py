"""A field of the note and the inputs that it reaches -> what its kind makes the field from.

A field's bounds are the intersection of those of every input that it reaches, through primitives too, narrowed by the
note and never widened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import interface as errors
from comfy2runpod.expressions.bounds import Work
from comfy2runpod.fields import KINDS, Field, kind_name, kind_of, note_keys
from comfy2runpod.fields.draft import AspectLimit, Draft, Reached
from comfy2runpod.fields.note import InputAnnotation
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.prompt import as_link
from comfy2runpod.stages.annotate.plain_text import plain_text

_KINDS = tuple(kind.kind for kind in KINDS)

Consumers: TypeAlias = "Mapping[str, list[tuple[str, str, InputSpec]]]"


def reached_specs(
    graph: BoundGraph, node_id: str, name: str, spec: InputSpec, consumers: Callable[[], Consumers]
) -> Iterator[tuple[str, InputSpec]]:
    """The specs that bound a value written to an input: its own, and those that a primitive passes it on to."""
    waiting = [(node_id, name, spec)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        node_id, name, spec = waiting.pop()
        if (node_id, name) in seen:
            continue
        seen.add((node_id, name))
        yield f"{node_id}.{name}", spec
        if graph.nodes[node_id].node_class.facts.value_input == name:
            waiting.extend(consumers().get(node_id, ()))


def consumers_of(graph: BoundGraph) -> Consumers:
    """The inputs that each node's first output is linked to."""
    found: dict[str, list[tuple[str, str, InputSpec]]] = {}
    for node in graph.nodes.values():
        for name, value in node.inputs.items():
            link = as_link(value)
            if link is not None and link.slot == 0 and name in node.specs:
                found.setdefault(link.node_id, []).append((node.id, name, node.specs[name]))
    return found


@dataclass(frozen=True, slots=True)
class Planned:
    """A field that is to be made, and its kind."""

    kind: type[Field]
    draft: Draft

    def make(self) -> Field | None:
        """The field, or None with the reasons noted."""
        return self.kind.make(self.draft)


def planned(
    note: InputAnnotation,
    reached: tuple[Reached, ...],
    at: Locus,
    found: Collector,
    work: Work,
    aspect_limit: Callable[[tuple[Reached, ...]], AspectLimit],
) -> Planned | None:
    """A field's kind and what it is made from, or None with the reasons noted.

    Args:
        note: what the author says of it.
        reached: the inputs that it writes.
        at: its place in the note.
        found: takes what is wrong.
        work: what may be spent on the graph's expressions.
        aspect_limit: how long and thin an image for these inputs may be; asked when other kinds' fields are made.
    """
    for item in reached:
        if kind_of(item.spec) is None:
            found.add(errors.UnsuitableInput(at=at, path=item.path, type=item.spec.type, kinds=_KINDS))
            return None
    kind = kind_of(*(item.spec for item in reached))
    if kind is None:
        kinds = {kind_name(item.spec): item.path for item in reached}
        shown = tuple(f"{path} is {name}" for name, path in kinds.items())
        found.add(errors.DifferentKinds(at=at, field=note.name, kinds=shown))
        return None
    for item in reached:
        own = kind_of(item.spec)
        if item.expression is not None and (own is None or not own.takes_expressions):
            problem = f"{item.path} is not a whole number"
            found.add(errors.BadExpression(at=at, text=item.expression.python, problem=problem))
            return None
    if not _keys_suit(note, kind, at, found):
        return None
    title = note.title or note.name.replace("_", " ").capitalize()
    description = plain_text(note.description or "")
    draft = Draft(note, title, description, reached, at, found, work, lambda: aspect_limit(reached))
    return Planned(kind, draft)


def _keys_suit(note: InputAnnotation, kind: type[Field], at: Locus, found: Collector) -> bool:
    """Whether a note says nothing of a field but what can be said of one of its kind."""
    allowed = tuple(key.name for key in kind.note_keys)
    wrong = [key.name for key in note_keys() if key.name in note.said and key.name not in allowed]
    for key in wrong:
        found.add(errors.UnsuitableKey(at=at, field=note.name, key=key, kind=kind.kind, allowed=allowed))
    return not wrong
