"""The paths in a field's `bypass` -> nodes of the document, and the graph with some of them bypassed.

A path names a node as a prompt does (`30:5`), or an instance of a subgraph (`30`). The editor keeps a node's mode where
the node stands: inside a subgraph's definition, so that all instances share it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import accumulate

from comfy2runpod.diagnostics import Collector, Locus, nearest
from comfy2runpod.errors import optional_files as errors
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.document import Canvas, Document, Mode, NodeId
from comfy2runpod.ir.omitted import Place
from comfy2runpod.stages.flatten.stage import natural_order


def find_places(
    document: Document,
    graph: BoundGraph,
    named: Mapping[str, tuple[str, ...]],
    at: Callable[[str], Locus],
    found: Collector,
) -> Mapping[str, frozenset[Place]]:
    """The nodes that each field bypasses; `named` are the paths that the note names, by field.

    Notes paths that are no node that runs, nodes that are named twice, and nodes that other instances share.
    """
    # What runs: nodes, and the instances that they stand in.
    running = {start for path in graph.nodes for start in accumulate(path.split(":"), "{}:{}".format)}
    placed = {path: place for path, place in placed_nodes(document) if path in running}
    shared: dict[Place, list[str]] = {}
    for path, place in placed.items():
        shared.setdefault(place, []).append(path)
    taken: dict[str, str] = {}
    places: dict[str, frozenset[Place]] = {}
    for name, paths in named.items():
        for path in paths:
            if path not in placed:
                near = nearest(path, sorted(placed, key=natural_order))
                found.add(errors.BypassNamesNothing(at=at(name), path=path, near=near))
                continue
            for other, other_name in taken.items():
                inner, outer = sorted((path, other), key=len, reverse=True)
                if inner == outer or inner.startswith(f"{outer}:"):
                    first = other_name if inner == path else name
                    here, there = at(name), at(first)
                    found.add(errors.BypassedTwice(at=here, path=inner, other=outer, other_field=first, other_at=there))
            taken[path] = name
            unnamed = tuple(other for other in shared[placed[path]] if other not in paths)
            if unnamed:
                found.add(errors.BypassShared(at=at(name), path=path, others=unnamed))
        places[name] = frozenset(placed[path] for path in paths if path in placed)
    return places


def placed_nodes(document: Document) -> Iterator[tuple[str, Place]]:
    """Every node of the document once its subgraphs are unfolded: its path, and where it is kept."""
    waiting: list[tuple[str, str | None, Canvas]] = [("", None, document.root)]
    while waiting:
        prefix, key, canvas = waiting.pop()
        for node in canvas.nodes:
            yield f"{prefix}{node.id}", (key, node.id)
            definition = document.subgraphs.get(node.type)
            if definition is not None:
                waiting.append((f"{prefix}{node.id}:", definition.id, definition.canvas))


def with_bypassed(document: Document, places: Collection[Place]) -> Document:
    """The document with these nodes bypassed, as if the author had pressed Ctrl+B on them."""
    of: dict[str | None, set[NodeId]] = {}
    for key, node_id in places:
        of.setdefault(key, set()).add(node_id)
    subgraphs = {
        key: replace(subgraph, canvas=_canvas(subgraph.canvas, of[key])) if key in of else subgraph
        for key, subgraph in document.subgraphs.items()
    }
    root = _canvas(document.root, of[None]) if None in of else document.root
    return replace(document, root=root, subgraphs=subgraphs)


def _canvas(canvas: Canvas, node_ids: Iterable[NodeId]) -> Canvas:
    chosen = frozenset(node_ids)
    nodes = tuple(replace(node, mode=Mode.BYPASS) if node.id in chosen else node for node in canvas.nodes)
    return replace(canvas, nodes=nodes)
