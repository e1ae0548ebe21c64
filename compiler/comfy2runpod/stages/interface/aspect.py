"""How long and thin an image may be: what the nodes that scale it can make of it (`node_facts.SCALES`).

They keep an image's shape; of one that is long enough the short side becomes nothing, and the node fails. So the bound
follows from the smallest size that a request can ask for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from comfy2runpod.catalog.node_facts import SCALES, VALUE_NODES
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import interface as errors
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.interface import Field, ImageField, IntegerField, NumberField
from comfy2runpod.ir.prompt import as_link

# Where no node sets a bound; an image beyond it is a mistake.
DEFAULT_ASPECT = 1000
# ComfyUI's megapixel.
_MEGAPIXEL = 1024 * 1024
# Pixels in a cell of the coarsest VAE of images (Flux.2's): one that is smaller cannot be encoded.
_CELL = 16


def bounded_aspects(
    graph: BoundGraph, fields: Sequence[Field], said: Mapping[str, tuple[float | None, Locus]], found: Collector
) -> tuple[Field, ...]:
    """The fields, images with the bound that the note gives, else with the one that their nodes can do.

    `said` is what the note says, by field, and where. Notes a bound that is wider than the nodes can do.
    """
    return tuple(
        _bounded(graph, fields, field, *said[field.name], found) if isinstance(field, ImageField) else field
        for field in fields
    )


def _bounded(
    graph: BoundGraph, fields: Sequence[Field], field: ImageField, noted: float | None, at: Locus, found: Collector
) -> ImageField:
    limits = list(_limits(graph, fields, {target.node_id for target in field.targets}))
    limit, path = min(limits, default=(math.inf, ""))
    if noted is not None and noted > limit:
        found.add(
            errors.BoundWidened(
                at=at, field=field.name, bound="max_aspect", value=_plain(noted), allowed=_plain(limit), input_path=path
            )
        )
    if noted is not None and noted < 1:
        expected = "1 or more: how many times as long as the short side the long one may be"
        found.add(
            errors.BadFieldValue(at=at, field=field.name, key="max_aspect", value=_plain(noted), expected=expected)
        )
    return replace(field, max_aspect=_plain(min(DEFAULT_ASPECT, limit) if noted is None else noted))


def _limits(graph: BoundGraph, fields: Sequence[Field], loaders: Iterable[str]) -> Iterator[tuple[float, str]]:
    """What each node that scales these images can do at most, and the input that it depends on."""
    for node in graph.nodes.values():
        scale = SCALES.get(node.node_class.name)
        link = as_link(node.inputs.get("image"))
        if scale is None or link is None or link.node_id not in loaders or link.slot != 0:
            continue
        shortest = float(_CELL) if _is_encoded(graph, node.id) else 1.0
        if scale.step is not None:
            shortest = max(shortest, _bounds(graph, fields, node, scale.step)[1])
        least = _bounds(graph, fields, node, scale.size)[0]
        limit = least * _MEGAPIXEL / shortest**2 if scale.area else least / shortest
        yield max(1.0, math.floor(limit)), f"{node.id}.{scale.size}"


def _is_encoded(graph: BoundGraph, scaled: str) -> bool:
    """Whether a node that reads the scaled image encodes it with a VAE."""
    readers = (node for node in graph.nodes.values() if scaled in node.origins())
    return any(node.specs[name].type == "VAE" for node in readers for name in node.inputs if name in node.specs)


def _bounds(graph: BoundGraph, fields: Sequence[Field], node: BoundNode, name: str) -> tuple[float, float]:
    """The lowest and highest number that an input can get: its value, or what a field that writes it allows."""
    value = node.inputs.get(name)
    link = as_link(value)
    if link is not None and graph.nodes[link.node_id].node_class.name in VALUE_NODES:
        return _bounds(graph, fields, graph.nodes[link.node_id], "value")
    written = [
        (field, target)
        for field in fields
        for target in field.targets
        if (target.node_id, target.input) == (node.id, name)
    ]
    if isinstance(value, (int, float)) and not written:
        return float(value), float(value)
    spec = node.specs.get(name)
    low, high = (None, None) if spec is None else (spec.minimum, spec.maximum)
    for field, target in written:
        if isinstance(field, IntegerField | NumberField) and target.expression is None:
            low, high = field.minimum, field.maximum
    return 1.0 if low is None else float(low), 1.0 if high is None else float(high)


def _plain(number: float) -> float:
    """A whole number without a decimal point, as people write it."""
    return int(number) if number == int(number) else number
