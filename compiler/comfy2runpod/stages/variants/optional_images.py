"""Optional images -> what becomes of the prompt without them, for every combination.

The prompt of each combination is made as the editor makes it, with the named nodes bypassed, and checked as the server
checks it. What differs from the whole prompt is what patch code does; nothing is left to find out at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import TypeAlias

from comfy2runpod.diagnostics import Collector, CompileError, Diagnostic, Locus
from comfy2runpod.errors import optional_images as errors
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.interface import Field, Output, Removal, Rewrite, Variant
from comfy2runpod.ir.json import Json
from comfy2runpod.stages.check import check
from comfy2runpod.stages.variants.bypass import Place, Unfolded, find_places, placed_nodes

# The prompt is made and checked once for each combination.
_MOST_OPTIONAL = 6
# In all of them together: some 40 microseconds each.
_MOST_NODES = 100_000

# Optional images that are omitted together, in the note's order.
Combination: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Without:
    """The graph without some images, and the nodes of the whole graph that are out of it."""

    graph: BoundGraph
    removed: frozenset[str]


def find_variants(
    graph: BoundGraph,
    unfolded: Unfolded,
    optional: Mapping[str, tuple[Field, tuple[str, ...]]],
    outputs: Sequence[Output],
    at: Callable[[str], Locus],
    found: Collector,
) -> tuple[Variant, ...]:
    """What becomes of the prompt without each combination of images, as far as it is not said by smaller ones.

    Args:
        graph: the whole graph.
        unfolded: what to make the graph without them from.
        optional: the fields that may be omitted, each with the paths that its `bypass` names.
        outputs: the outputs, all of which must be made in any case.
        at: the place of a field in the note.
        found: takes what is wrong.
    """
    if not optional:
        return ()
    if len(optional) > _MOST_OPTIONAL:
        first = next(iter(optional))
        found.add(errors.TooManyOptional(at=at(first), count=len(optional), limit=_MOST_OPTIONAL))
        return ()
    size = sum(1 for _ in placed_nodes(unfolded.flat.document))
    if (2 ** len(optional) - 1) * size > _MOST_NODES:
        here = at(next(iter(optional)))
        found.add(errors.TooMuchToLeaveOut(at=here, count=len(optional), nodes=size, limit=_MOST_NODES))
        return ()
    named = {name: paths for name, (_, paths) in optional.items()}
    places = find_places(unfolded.flat.document, graph, named, at, found)
    if found.has_errors:
        return ()
    fields = {name: field for name, (field, _) in optional.items()}
    without: dict[Combination, _Without] = {}
    for names in _combinations(tuple(optional)):
        # What is wrong without one is wrong without that one and another: told once.
        if all(smaller in without for smaller in _combinations(names) if smaller != names):
            made = _made(graph, unfolded, names, places, [fields[name] for name in names], outputs, at, found)
            if made is not None:
                without[names] = made
    every = all(names in without for names in _combinations(tuple(optional)))
    return tuple(_differences(graph, without)) if every else ()


def _combinations(names: Combination) -> Iterator[Combination]:
    """Each that is not empty, fewer before more."""
    return chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1))


def _made(
    graph: BoundGraph,
    unfolded: Unfolded,
    names: Combination,
    places: Mapping[str, frozenset[Place]],
    fields: Sequence[Field],
    outputs: Sequence[Output],
    at: Callable[[str], Locus],
    found: Collector,
) -> _Without | None:
    """The graph without these images, or None with the reasons noted."""
    here = at(names[0])
    try:
        bypassed = unfolded.bypassing(frozenset().union(*(places[name] for name in names)))
    except CompileError as error:
        _refused(error.diagnostics, names, here, found)
        return None
    good = True
    for output in outputs:
        if output.node_id not in bypassed.nodes:
            node = _shown(graph.nodes[output.node_id])
            found.add(errors.OutputGoesToo(at=here, fields=names, output=output.name, node=node))
            good = False
    if not good:
        return None
    try:
        check(bypassed, unfolded.catalog)
    except CompileError as error:
        _refused(error.diagnostics, names, here, found)
        return None
    needed = bypassed.needed()
    for node_id in dict.fromkeys(target.node_id for field in fields for target in field.targets):
        if node_id in needed:
            readers = tuple(_shown(bypassed.nodes[reader]) for reader in _readers(bypassed, node_id, needed))
            loader = _shown(bypassed.nodes[node_id])
            found.add(errors.ImageStillNeeded(at=here, fields=names, loader=loader, readers=readers))
            good = False
    return _Without(bypassed, _removed(graph, bypassed, needed)) if good else None


def _refused(diagnostics: Sequence[Diagnostic], names: Combination, at: Locus, found: Collector) -> None:
    for item in diagnostics:
        place = item.at.node_name if item.at.node is not None else "the graph"
        if item.at.input is not None:
            place += f", input {item.at.input}"
        found.add(errors.RefusedWithout(at=at, fields=names, place=place, why=item.reason))


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


def _shown(node: BoundNode) -> str:
    return Locus("", node.id, node.title, node.node_class.name).node_name
