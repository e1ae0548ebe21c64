"""Outputs that stand for one image, and prompts that make several: every job would fail after it ran."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors.surprises import SeveralImages
from comfy2runpod.expressions.expression import Expression, read_again
from comfy2runpod.expressions.intervals import TooLarge
from comfy2runpod.fields import Field, Target
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.prompt import Prompt, as_link
from comfy2runpod.outputs import Output
from comfy2runpod.shapes.evaluate import EvaluatedValue
from comfy2runpod.shapes.trace import in_order, stands_for_file, trace
from comfy2runpod.shapes.values import Images, Latent, NodeError, Value

# A graph is gone through once, and some times more for the fields; of larger ones nothing is said.
_MOST_STEPS = 200_000
_MOST_TOGETHER = 64
# So many of a field's values are looked at for the ends of an expression over it.
_MOST_VALUES = 1_000


def check_batches(
    graph: BoundGraph, fields: Iterable[Field], outputs: Sequence[Output], catalog: Catalog, found: Collector
) -> None:
    """Reports outputs of one image that get several: as the graph has it, or for values and files that fields allow.

    Each field is looked at alone, then all together: at their largest and smallest, and where expressions over them
    have their ends.
    """
    single = [output for output in outputs if output.batched and not output.many]
    fields = tuple(fields)
    numbers = [(field, allowed) for field in fields if (allowed := field.whole_values()) is not None]
    ends = {field.name: _Ends.of(field.targets, allowed) for field, allowed in numbers}
    alone = [{name: value} for name, end in ends.items() for value in dict.fromkeys(end.values)]
    together = [dict(zip(ends, values, strict=True)) for values in _together([*ends.values()])]
    if not single or len(graph.nodes) * (len(alone) + len(together) + 1) > _MOST_STEPS:
        return
    prompt = graph.prompt()
    brought = {
        (target.node_id, target.input): stands
        for field in fields
        if (frames := field.most_frames()) is not None and (stands := stands_for_file(field.kind, frames)) is not None
        for target in field.targets
    }
    reported: set[str] = set()
    for values in ({}, *alone, *together):
        changed = prompt
        for name, value in values.items():
            changed = ends[name].put(changed, value)
        counts = _counts(changed, [output for output in single if output.name not in reported], catalog, brought)
        for output in single:
            count = counts.get(output.name, 1)
            if output.name not in reported and (count is None or count > 1):
                reported.add(output.name)
                _report(graph, output, count, values, found)


@dataclass(frozen=True, slots=True)
class _Ends:
    """What a field feeds, and its values at which that may be at an end (largest, smallest, and so its expressions)."""

    targets: tuple[Target, ...]
    expressions: Mapping[str, Expression]
    values: tuple[int, int, int, int]

    @classmethod
    def of(cls, targets: tuple[Target, ...], values: range) -> _Ends:
        texts = {target.expression for target in targets if target.expression is not None}
        expressions = {text: read_again(text) for text in sorted(texts)}
        largest, smallest = values[-1], values[0]
        at = largest, smallest, largest, smallest
        for expression in expressions.values():
            told = {value: result for value in _some(values) if (result := _result(expression, value)) is not None}
            if told:
                at = (largest, smallest, max(told, key=told.__getitem__), min(told, key=told.__getitem__))
        return cls(targets, expressions, at)

    def put(self, prompt: Prompt, value: int) -> Prompt:
        """The prompt with a value of the field in it."""
        changed = dict(prompt)
        for target in self.targets:
            written = value if target.expression is None else _result(self.expressions[target.expression], value)
            if target.member is None and written is not None and target.node_id in changed:
                node = changed[target.node_id]
                changed[target.node_id] = replace(node, inputs={**node.inputs, target.input: written})
        return changed


def _together(ends: Sequence[_Ends]) -> Iterable[tuple[int, ...]]:
    """Values of all fields at once: each with each, if these are few."""
    if len(ends) <= 1:
        return ()
    each = [tuple(dict.fromkeys(end.values)) for end in ends]
    return product(*each) if prod(map(len, each)) <= _MOST_TOGETHER else zip(*(end.values for end in ends), strict=True)


def _some(values: range) -> Iterator[int]:
    """Some of the values, both ends among them; all, if they are few."""
    count = (values.stop - 1 - values.start) // values.step + 1
    yield from values[:: max(1, (count - 1) // _MOST_VALUES)]
    yield values[-1]


def _result(expression: Expression, value: int) -> int | None:
    try:
        return expression(value)
    except (ZeroDivisionError, TooLarge):
        return None


def _counts(
    prompt: Prompt, outputs: Sequence[Output], catalog: Catalog, brought: Mapping[tuple[str, str], Value]
) -> Mapping[str, int | None]:
    """How many images each output gets, where that is known; None for a list of any length."""

    if not outputs:
        return {}
    ends = tuple(output.node_id for output in outputs)
    try:
        given = trace(prompt, ends, catalog, brought)
    except NodeError:
        return {}
    listed = _listed(prompt, ends, catalog, given)
    counts: dict[str, int | None] = {}
    for output in outputs:
        node_class = catalog.get(output.class_type)
        spec = None if node_class is None else node_class.saved_input
        name = "" if spec is None else spec.name
        told = given[output.node_id].get(name)
        link = as_link(prompt[output.node_id].inputs.get(name))
        if link is not None and (link.node_id, link.slot) in listed:
            counts[output.name] = None
        elif told is not None and told.doubt is None and isinstance(told.value, Images):
            counts[output.name] = told.value.frames
    return counts


def _listed(
    prompt: Prompt, ends: tuple[str, ...], catalog: Catalog, given: Mapping[str, Mapping[str, EvaluatedValue]]
) -> frozenset[tuple[str, int]]:
    """The outputs of nodes that give lists, for whose items all that follows is run, one by one."""
    found: set[tuple[str, int]] = set()
    for node_id in in_order(prompt, ends):
        node = prompt[node_id]
        node_class = catalog.get(node.class_type)
        if node_class is None:
            continue
        links = (as_link(value) for value in node.inputs.values())
        gets = any(link is not None and (link.node_id, link.slot) in found for link in links)
        if not gets and _is_one(given[node_id].get(node_class.facts.splits_batch or "")):
            continue
        each = gets and not node_class.input_is_list
        found |= {(node_id, slot) for slot, output in enumerate(node_class.outputs) if each or output.is_list}
    return frozenset(found)


def _is_one(told: EvaluatedValue | None) -> bool:
    if told is None or told.doubt is not None:
        return False
    value = told.value
    images = value.decoded() if isinstance(value, Latent) else value
    return isinstance(images, Images) and images.frames == 1


def _report(graph: BoundGraph, output: Output, count: int | None, values: Mapping[str, int], found: Collector) -> None:
    node = graph.nodes[output.node_id]
    spec = node.node_class.saved_input
    name = None if spec is None else spec.name
    at = Locus(graph.file, node.id, node.title, node.node_class.name, name, node.json_path)
    found.add(SeveralImages(at=at, output=output.name, count=count, values=tuple(values.items())))
