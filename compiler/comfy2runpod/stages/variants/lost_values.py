"""Values of other fields that a prompt without a file no longer takes."""

from __future__ import annotations

from collections.abc import Iterable

from comfy2runpod.diagnostics import Collector
from comfy2runpod.errors import fed_once as errors
from comfy2runpod.fields import Field
from comfy2runpod.ir.annotation import Annotation
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.interface import Variant
from comfy2runpod.ir.prompt import as_link


def check_lost_values(
    graph: BoundGraph,
    fields: Iterable[Field],
    variants: Iterable[Variant],
    annotation: Annotation,
    found: Collector,
) -> None:
    """Reports every field in whose value's place the prompt without a file has one that was saved."""
    fed = {(target.node_id, target.input): field for field in fields for target in field.targets}
    for item in variants:
        for rewrite in item.rewrites:
            link = as_link(graph.nodes[rewrite.node_id].inputs.get(rewrite.input))
            place = (rewrite.node_id, rewrite.input)
            value_input = graph.nodes[link.node_id].node_class.facts.value_input if link is not None else None
            if link is not None and value_input is not None:
                place = (link.node_id, value_input)
            field = fed.get(place)
            if field is None or field.name in item.fields or as_link(rewrite.value) is not None:
                continue
            saved = None if rewrite.gone else rewrite.value
            found.add(
                errors.FieldLostWithout(
                    at=annotation.at(graph.file, f"inputs.{field.name}"),
                    field=field.name,
                    path=".".join(place),
                    fields=item.fields,
                    reader=graph.locus(rewrite.node_id, rewrite.input),
                    value=saved,
                )
            )
