"""How long and thin an image may be: what the nodes that scale it can make of it (facts of the kind `scale`).

They keep an image's shape; of one that is long enough the short side becomes nothing, and the node fails. So the bound
follows from the smallest size that a request can ask for.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from fractions import Fraction
from operator import attrgetter

from comfy2runpod.fields import Field
from comfy2runpod.fields.draft import AspectLimit
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.prompt import as_link

# ComfyUI's megapixel.
_MEGAPIXEL = 1024 * 1024
# Pixels in a cell of the coarsest VAE of images (Flux.2's): one that is smaller cannot be encoded.
_CELL = 16
# A limit beyond this is as good as none: no image has so many pixels.
_MOST = 10**15


def aspect_limit(graph: BoundGraph, fields: Collection[Field], loaders: Collection[str]) -> AspectLimit:
    """What the nodes that scale the images of these loaders can do at most, given what fields write into them."""
    return min(_limits(graph, fields, loaders), key=attrgetter("limit", "path"), default=AspectLimit())


def _limits(graph: BoundGraph, fields: Collection[Field], loaders: Collection[str]) -> Iterator[AspectLimit]:
    """What each node that scales these images can do at most, and the input that it depends on."""
    encoded = _encoded(graph)
    for node in graph.nodes.values():
        scale = node.node_class.facts.scale
        link = as_link(node.inputs.get("image"))
        if scale is None or link is None or link.node_id not in loaders or link.slot != 0:
            continue
        shortest = float(_CELL) if node.id in encoded else 1.0
        if scale.step is not None:
            shortest = max(shortest, _bounds(graph, fields, node, scale.step)[1])
        least = _bounds(graph, fields, node, scale.size)[0]
        yield AspectLimit(_limit(least, shortest, area=scale.area), f"{node.id}.{scale.size}")


def _limit(least: float, shortest: float, *, area: bool) -> float:
    """How many times as long as the short side the long one may be, 1 or more.

    Args:
        least: the smallest size: megapixels if `area`, else pixels of the long side.
        shortest: the least that the short side may be, in pixels.
        area: whether the size is an area.
    """
    if not math.isfinite(least) or not math.isfinite(shortest):
        return math.inf if math.isfinite(shortest) and least > 0 else 1.0
    # Exact: a double does not hold the square of every double.
    size, side = Fraction(least), Fraction(shortest)
    most = math.floor(size * _MEGAPIXEL / side**2 if area else size / side)
    return float(min(max(1, most), _MOST))


def _encoded(graph: BoundGraph) -> frozenset[str]:
    """The nodes whose images are read by a node that encodes them with a VAE."""
    return frozenset(
        origin
        for node in graph.nodes.values()
        if any(node.specs[name].type == "VAE" for name in node.inputs if name in node.specs)
        for origin in node.origins()
    )


def _bounds(graph: BoundGraph, fields: Collection[Field], node: BoundNode, name: str) -> tuple[float, float]:
    """The lowest and highest number that an input can get: its value, or what a field that writes it allows."""
    value = node.inputs.get(name)
    passed: set[str] = set()
    while (link := as_link(value)) is not None and link.node_id not in passed:
        origin = graph.nodes[link.node_id]
        if origin.node_class.facts.value_input is None:
            break
        # A graph that is only inspected may have cycles.
        passed.add(origin.id)
        node, name = origin, origin.node_class.facts.value_input
        value = node.inputs.get(name)
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
        bounds = field.number_bounds()
        if bounds is not None and target.expression is None:
            low, high = bounds
    return 1.0 if low is None else float(low), 1.0 if high is None else float(high)
