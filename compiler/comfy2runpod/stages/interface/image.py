"""What a package's image has beside ComfyUI and the worker: what its nodes need, and what the note asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from comfy2runpod.catalog.facts.kinds import ImageLack
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import surprises as errors
from comfy2runpod.errors.image_parts import ImageAdditions
from comfy2runpod.fields import Field
from comfy2runpod.ir.annotation import Annotation
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.interface import ImageSettings
from comfy2runpod.note_forms import Attention
from comfy2runpod.stages.interface.image_files import image_files

# What Triton compiles its launchers with: SageAttention's kernels are Triton's.
_COMPILER = ("gcc", "libc6-dev")
# Characters of names in one message.
_MOST_SHOWN = 3000
_ATTENTION_APT = {Attention.SAGE: _COMPILER}


def make_image(
    graph: BoundGraph,
    fields: Iterable[Field],
    note: Annotation,
    given: Mapping[str, bytes | str],
    found: Collector,
    *,
    allow_additions: bool,
) -> ImageSettings:
    """The image's own parts; notes nodes that need what no image has, and files that it cannot have.

    What a stranger could have run on the worker by the note, or by facts beside the graph, is refused without
    `allow_additions`.
    """
    if not allow_additions:
        _refuse_additions(note, graph.file, found)
    apt = {*note.apt, *(_ATTENTION_APT.get(note.attention, ()) if note.attention else ())}
    for node, lack in _lacking(graph, fields):
        apt |= {*lack.apt}
        at = Locus(graph.file, node.id, node.title, node.node_class.name, None, node.json_path)
        if lack.beside and not allow_additions:
            for some in _parts(lack.apt):
                found.add(ImageAdditions(at=at, by="Facts beside the graph put", what="Debian packages", added=some))
        if not lack.apt:
            found.add(errors.ImageLacks(at=at, what=lack.what, instead=lack.instead))
    return ImageSettings(
        apt=tuple(sorted(apt)),
        environment=note.environment,
        attention=note.attention,
        files=image_files(note, given, graph.file, found) if allow_additions else (),
        pip=note.pip,
    )


def _refuse_additions(note: Annotation, file: str, found: Collector) -> None:
    added = {
        "files": ("files", tuple(f"{name} -> {path}" for path, name in note.files)),
        "pip": ("Python packages", tuple(f"{package.name}=={package.version}" for package in note.pip)),
        "apt": ("Debian packages", note.apt),
    }
    for key, (what, names) in added.items():
        for some in _parts(names):
            found.add(ImageAdditions(at=note.at(file, f"image.{key}"), by="The note puts", what=what, added=some))


def _parts(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Names in parts that a message has room for: none may be hidden behind long ones."""
    part: list[str] = []
    for name in names:
        if part and sum(map(len, part)) + len(name) > _MOST_SHOWN:
            yield tuple(part)
            part = []
        part.append(name)
    if part:
        yield tuple(part)


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
