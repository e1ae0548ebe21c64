"""A graph as far as it can be read, for tools that only inspect: an invalid node affects as little as possible.

A class that the catalog does not have stands in as the file describes it, sockets only. A node that a stage refuses
first loses its saved values, then its links, then itself. Everything that was refused is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Collector, CompileError, Diagnostic
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.document import Canvas, Document
from comfy2runpod.ir.flat import Exposed
from comfy2runpod.pipeline import Options, candidates, convert_by
from comfy2runpod.stages.interface.packs import prompt_nodes
from comfy2runpod.stages.load import load
from comfy2runpod_contract.json_types import Json, JsonObject

# Each attempt reads the whole graph again; a graph that needs more is given up.
_MOST_ATTEMPTS = 50
_NO_VALUES, _NO_LINKS, _GONE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class MadeOut:
    """A graph that could be read.

    `graph` is None if nothing could be, and `exposed` what its subgraphs show; `changed` are the JSON paths of the
    nodes whose saved values it does not hold; `diagnostics` is what was refused.
    """

    document: Document
    graph: BoundGraph | None
    exposed: tuple[Exposed, ...]
    changed: frozenset[str]
    diagnostics: tuple[Diagnostic, ...]


def make_out(data: bytes, file: str, catalog: Catalog, options: Options) -> MadeOut:
    """A saved graph's bytes -> the graph, bound and not checked.

    Raises:
        CompileError: it is not a graph at all.
    """
    document = load(data, file)
    known = _with_stand_ins(document, catalog)
    profile = candidates(document, catalog, options)[0]
    allowing = replace(options, allow_api_nodes=True)
    found = Collector()
    levels: dict[str, int] = {}
    attempt, classes = document, catalog
    for _ in range(_MOST_ATTEMPTS):
        try:
            made = convert_by(attempt, classes, profile, allowing)
        except CompileError as error:
            places = {diagnostic.at.json_path for diagnostic in error.diagnostics}
            # Problems of a node that was changed here may be caused by the change.
            for item in error.diagnostics:
                if item.at.json_path not in levels:
                    found.add(item)
            if classes is catalog:
                classes = known
            if None in places or any(levels.get(place or "", 0) >= _GONE for place in places):
                return MadeOut(document, None, (), frozenset(levels), found.all)
            for place in places:
                levels[place or ""] = levels.get(place or "", 0) + 1
            attempt = _changed(document, levels)
        else:
            return MadeOut(document, made.graph, made.exposed, frozenset(levels), found.all)
    return MadeOut(document, None, (), frozenset(levels), found.all)


def _with_stand_ins(document: Document, catalog: Catalog) -> Catalog:
    inputs: dict[str, dict[str, Json]] = {}
    outputs: dict[str, list[Json]] = {}
    for node in prompt_nodes(document, catalog):
        if node.type in catalog:
            continue
        slots = inputs.setdefault(node.type, {})
        for slot in node.inputs:
            slots[slot.name] = {"name": slot.name, "type": slot.type, "force_input": True, "optional": True}
        given: list[Json] = [{"name": slot.name, "type": slot.type} for slot in node.outputs]
        outputs[node.type] = max(outputs.get(node.type, []), given, key=len)
    entries: dict[str, JsonObject] = {
        name: {"inputs": [*slots.values()], "outputs": outputs[name]} for name, slots in inputs.items()
    }
    return catalog.layered(entries)


def _changed(document: Document, levels: dict[str, int]) -> Document:
    return replace(
        document,
        root=_changed_canvas(document.root, levels),
        subgraphs={
            name: replace(subgraph, canvas=_changed_canvas(subgraph.canvas, levels))
            for name, subgraph in document.subgraphs.items()
        },
    )


def _changed_canvas(canvas: Canvas, levels: dict[str, int]) -> Canvas:
    nodes = []
    for node in canvas.nodes:
        level = levels.get(node.json_path, 0)
        if level == _GONE:
            continue
        changed = node if level < _NO_VALUES else replace(node, widgets_values=None)
        if level == _NO_LINKS:
            changed = replace(changed, inputs=tuple(slot._replace(link=None) for slot in node.inputs))
        nodes.append(changed)
    return replace(canvas, nodes=tuple(nodes))
