"""What a package's image has beside ComfyUI and the worker: what its nodes need, and what the note asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from comfy2runpod.catalog.facts.kinds import ImageLack
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import surprises as errors
from comfy2runpod.fields import Field
from comfy2runpod.ir.annotation import Annotation
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.interface import ImageSettings
from comfy2runpod.note_forms import Attention
from comfy2runpod.stages.interface.image_files import image_files

# What Triton compiles its launchers with: SageAttention's kernels are Triton's.
_COMPILER = ("gcc", "libc6-dev")
_ATTENTION_APT = {Attention.SAGE: _COMPILER}


def make_image(
    graph: BoundGraph,
    fields: Iterable[Field],
    note: Annotation,
    given: Mapping[str, bytes | str],
    found: Collector,
) -> ImageSettings:
    """The image's own parts; notes nodes that need what no image has, and files that it cannot have."""
    apt = {*note.apt, *(_ATTENTION_APT.get(note.attention, ()) if note.attention else ())}
    for node, lack in _lacking(graph, fields):
        apt |= {*lack.apt}
        if not lack.apt:
            at = Locus(graph.file, node.id, node.title, node.node_class.name, None, node.json_path)
            found.add(errors.ImageLacks(at=at, what=lack.what, instead=lack.instead))
    return ImageSettings(
        apt=tuple(sorted(apt)),
        environment=note.environment,
        attention=note.attention,
        files=image_files(note, given, graph.file, found),
        pip=note.pip,
    )


def _lacking(graph: BoundGraph, fields: Iterable[Field]) -> Iterator[tuple[BoundNode, ImageLack]]:
    """The nodes that an output needs and that need what the image does not have by itself."""
    choices = {
        (target.node_id, target.input): field.texts()
        for field in fields
        for target in field.targets
        if field.texts() != ()
    }
    needed = graph.needed()
    for node in graph.nodes.values():
        lacks = node.node_class.facts.image_lack
        if lacks is None or node.id not in needed:
            continue
        if lacks.unless_input is not None:
            offered = choices.get((node.id, lacks.unless_input), (node.inputs.get(lacks.unless_input),))
            if offered is not None and all(choice in lacks.unless_values for choice in offered):
                continue
        yield node, lacks
