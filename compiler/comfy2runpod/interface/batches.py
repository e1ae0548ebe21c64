"""Outputs that stand for one picture, and prompts that make several: every job would fail after it ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors.surprises import SeveralPictures
from comfy2runpod.interface.fields import kind_of
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.interface import Field, IntegerField, MediaKind, Output
from comfy2runpod.ir.prompt import Prompt
from comfy2runpod.shapes.trace import trace
from comfy2runpod.shapes.values import Images, NodeError

# A graph is gone through once, and once more for each field; of larger ones nothing is said.
_MOST_STEPS = 200_000


def check_batches(
    graph: BoundGraph, fields: Iterable[Field], outputs: Sequence[Output], catalog: Catalog, found: Collector
) -> None:
    """Reports outputs of one picture that get several, as the graph has it or where a field is at its largest."""
    single = [output for output in outputs if output.kind is MediaKind.IMAGE and not output.many]
    numbers = [field for field in fields if isinstance(field, IntegerField) and field.maximum is not None]
    if not single or len(graph.nodes) * (len(numbers) + 1) > _MOST_STEPS:
        return
    prompt = graph.prompt()
    told = _counts(prompt, single, catalog)
    for output in single:
        if told.get(output.name, 1) > 1:
            _report(graph, output, told[output.name], None, found)
    for field in numbers:
        if any(target.expression is not None or target.member is not None for target in field.targets):
            continue
        largest = dict(prompt)
        for target in field.targets:
            node = largest[target.node_id]
            largest[target.node_id] = replace(node, inputs={**node.inputs, target.input: field.maximum})
        more = _counts(largest, single, catalog)
        for output in single:
            if more.get(output.name, 1) > 1 and told.get(output.name, 1) == 1:
                _report(graph, output, more[output.name], field.name, found)


def _counts(prompt: Prompt, outputs: Sequence[Output], catalog: Catalog) -> Mapping[str, int]:
    """How many pictures each output gets, where that is known."""

    def reads_picture(class_type: str, name: str) -> bool:
        node_class = catalog.get(class_type)
        spec = None if node_class is None else node_class.by_name.get(name)
        return spec is not None and kind_of(spec) == "image"

    try:
        given = trace(prompt, tuple(output.node_id for output in outputs), catalog, reads_picture)
    except (NodeError, ArithmeticError):
        return {}
    counts: dict[str, int] = {}
    for output in outputs:
        told = given[output.node_id].get("images")
        if told is not None and told.doubt is None and isinstance(told.value, Images):
            counts[output.name] = told.value.frames
    return counts


def _report(graph: BoundGraph, output: Output, count: int, field: str | None, found: Collector) -> None:
    node = graph.nodes[output.node_id]
    at = Locus(graph.file, node.id, node.title, node.node_class.name, "images", node.json_path)
    found.add(SeveralPictures(at=at, output=output.name, count=count, field=field))
