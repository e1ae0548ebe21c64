"""Optional files -> how the prompt changes without them, for every combination.

The prompt of each combination is made as the editor makes it, with the named nodes bypassed, and checked as the server
checks it. What differs from the whole prompt is what patch code does; nothing is left to find out at run time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import TypeAlias

from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import optional_files as errors
from comfy2runpod.fields import Field
from comfy2runpod.fields.note import BYPASS
from comfy2runpod.ir.annotation import Annotation
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.document import Document
from comfy2runpod.ir.interface import Interface, Removal, Rewrite, Variant
from comfy2runpod.ir.omitted import Omission, Without
from comfy2runpod.stages.variants.bypass import find_places, placed_nodes
from comfy2runpod.stages.variants.lost_values import check_lost_values
from comfy2runpod_contract.json_types import Json

# The prompt is made and checked once for each combination.
_MOST_OPTIONAL = 6
# In all of them together: some 40 microseconds each.
_MOST_NODES = 100_000

# Optional files that are omitted together, in the note's order.
Combination: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Without:
    """The graph without some files, and the nodes of the whole graph that are out of it."""

    graph: BoundGraph
    removed: frozenset[str]


def find_omissions(
    document: Document, graph: BoundGraph, interface: Interface, annotation: Annotation
) -> tuple[Omission, ...]:
    """Which nodes are bypassed without each combination of the files that may be omitted; fewer files before more.

    Args:
        document: the graph as an editor has it before it makes the prompt.
        graph: the nodes that run.
        interface: the fields.
        annotation: the note, which names the nodes by their paths.

    Raises:
        CompileError: there are too many files or nodes, or paths name no node that can be bypassed.
    """
    named = {note.name: note.value(BYPASS) or () for note in annotation.inputs or ()}
    names = tuple(field.name for field in _optional(interface))
    if not names:
        return ()
    found = Collector()
    here = annotation.at(graph.file, f"inputs.{names[0]}")
    if len(names) > _MOST_OPTIONAL:
        found.add(errors.TooManyOptional(at=here, count=len(names), limit=_MOST_OPTIONAL))
        found.finish()
    size = sum(1 for _ in placed_nodes(document))
    if (2 ** len(names) - 1) * size > _MOST_NODES:
        found.add(errors.TooMuchToLeaveOut(at=here, count=len(names), nodes=size, limit=_MOST_NODES))
        found.finish()
    paths = {name: named[name] for name in names}
    places = find_places(document, graph, paths, lambda name: annotation.at(graph.file, f"inputs.{name}"), found)
    found.finish()
    return tuple(
        Omission(fields, frozenset().union(*(places[name] for name in fields))) for fields in _combinations(names)
    )


def make_variants(
    graph: BoundGraph, interface: Interface, annotation: Annotation, without: Sequence[Without]
) -> tuple[Variant, ...]:
    """How the prompt changes without each combination of files, as far as smaller ones do not say it.

    Args:
        graph: the whole graph.
        interface: the fields, and the outputs, all of which must be made in any case.
        annotation: the note, for the places of fields in it.
        without: the graph of each omission, in their order.

    Raises:
        CompileError: a prompt is refused, an output is not made, or a file or another field's value is lost.
    """
    found = Collector()
    loaders = {field.name: [target.node_id for target in field.targets] for field in _optional(interface)}
    good: dict[Combination, _Without] = {}
    for item in without:
        names = item.fields
        # What is wrong without one is wrong without that one and another: told once.
        if all(smaller in good for smaller in _combinations(names) if smaller != names):
            at = annotation.at(graph.file, f"inputs.{names[0]}")
            made = _judged(graph, item, interface, [node_id for name in names for node_id in loaders[name]], at, found)
            if made is not None:
                good[names] = made
    variants = tuple(_differences(graph, good)) if len(good) == len(without) else ()
    check_lost_values(graph, interface.fields, variants, annotation, found)
    found.finish()
    return variants


def _optional(interface: Interface) -> Iterator[Field]:
    """The fields that may be omitted."""
    return (field for field in interface.fields if field.omittable())


def _combinations(names: Combination) -> Iterator[Combination]:
    """Each that is not empty, fewer before more."""
    return chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1))


def _judged(
    graph: BoundGraph, item: Without, interface: Interface, loaders: Sequence[str], at: Locus, found: Collector
) -> _Without | None:
    """The graph without these files, or None with the reasons noted."""
    names, bypassed = item.fields, item.graph
    if bypassed is None:
        _refused(item, at, found)
        return None
    good = True
    for output in interface.outputs:
        if output.node_id not in bypassed.nodes:
            node = graph.locus(output.node_id)
            found.add(errors.OutputGoesToo(at=at, fields=names, output=output.name, node=node))
            good = False
    if not good:
        return None
    if item.refused:
        _refused(item, at, found)
        return None
    needed = bypassed.needed()
    for node_id in dict.fromkeys(loaders):
        if node_id in needed:
            readers = tuple(bypassed.locus(reader) for reader in _readers(bypassed, node_id, needed))
            loader = bypassed.locus(node_id)
            found.add(errors.FileStillNeeded(at=at, fields=names, loader=loader, readers=readers))
            good = False
    return _Without(bypassed, _removed(graph, bypassed, needed)) if good else None


def _refused(without: Without, at: Locus, found: Collector) -> None:
    for item in without.refused:
        refused = None if item.at.node is None else item.at
        found.add(errors.RefusedWithout(at=at, fields=without.fields, refused=refused, why=item.reason))


def _readers(graph: BoundGraph, node_id: str, needed: Collection[str]) -> list[str]:
    return [reader.id for reader in graph.nodes.values() if reader.id in needed and node_id in reader.origins()]


def _removed(graph: BoundGraph, bypassed: BoundGraph, needed: frozenset[str]) -> frozenset[str]:
    """The nodes that are bypassed, those that no output needs any more, and idle ones that read any of these."""
    removed = {node_id for node_id in graph.nodes if node_id not in bypassed.nodes}
    removed |= graph.needed() - needed
    waiting = [*removed]
    readers: dict[str, list[str]] = {}
    for node in bypassed.nodes.values():
        for origin in node.origins():
            readers.setdefault(origin, []).append(node.id)
    while waiting:
        for reader in readers.get(waiting.pop(), ()):
            if reader not in removed:
                removed.add(reader)
                waiting.append(reader)
    return frozenset(removed)


def _differences(graph: BoundGraph, without: Mapping[Combination, _Without]) -> Iterator[Variant]:
    """Each combination's own part: what the parts of smaller ones, done in order, leave to do."""
    removed = _removals(graph, without)
    rewrites: dict[Combination, tuple[Rewrite, ...]] = {}
    for names, made in without.items():
        state: dict[tuple[str, str], Rewrite] = {}
        for smaller in _combinations(names):
            state |= {(item.node_id, item.input): item for item in rewrites.get(smaller, ())}
        out = frozenset().union(*(removed[smaller] for smaller in _combinations(names)))
        rewrites[names] = tuple(_rewrites(graph, made.graph, out, state))
    for names in without:
        removals = tuple(
            Removal(node_id, node.node_class.name, node.title)
            for node_id, node in graph.nodes.items()
            if node_id in removed[names]
        )
        if rewrites[names] or removals:
            yield Variant(names, rewrites[names], removals)


def _removals(graph: BoundGraph, without: Mapping[Combination, _Without]) -> Mapping[Combination, frozenset[str]]:
    """The nodes that each combination takes out and no smaller one does.

    A node that is needed again where more is omitted stays in all along: idle, it does no harm.
    """
    larger = {names: [more for more in without if set(names) <= set(more)] for names in without}
    found: dict[Combination, frozenset[str]] = {}
    for names in without:
        out = {node_id for node_id in graph.nodes if all(node_id in without[more].removed for more in larger[names])}
        smaller = [found[less] for less in _combinations(names) if less != names]
        found[names] = frozenset(out.difference(*smaller))
    return found


def _rewrites(
    graph: BoundGraph, bypassed: BoundGraph, removed: Collection[str], state: Mapping[tuple[str, str], Rewrite]
) -> Iterator[Rewrite]:
    """What is left to do to the inputs of the nodes that stay; `state` is what smaller combinations did."""
    for node_id, node in graph.nodes.items():
        after = bypassed.nodes.get(node_id)
        if node_id in removed or after is None:
            continue
        for name in {**node.inputs, **after.inputs}:
            done = state.get((node_id, name))
            has, value = (name in node.inputs, node.inputs.get(name)) if done is None else (not done.gone, done.value)
            wanted: Json = after.inputs.get(name)
            gone = name not in after.inputs
            if gone == has or (has and value != wanted):
                yield Rewrite(node_id, node.node_class.name, node.title, name, wanted, gone)
