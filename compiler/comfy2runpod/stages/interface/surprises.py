"""What converts well and does otherwise on a worker than on the author's machine: refused where no job would succeed,
told where a caller would wonder.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import TypeAlias

from comfy2runpod.catalog.folders import MODEL_EXTENSIONS
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import packs as pack_errors
from comfy2runpod.errors import surprises as errors
from comfy2runpod.fields import Field, is_file
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.prompt import as_link
from comfy2runpod_contract.json_types import Json

Fed: TypeAlias = Collection[tuple[str, str]]

# As ComfyUI's tokenizer finds it: at the start, or behind a space, a line's end or a bracket.
_EMBEDDING = re.compile(r"(?:^|[\s()])embedding:([^\s,()]+)")
_WEIGHT = re.compile(r":[-+]?[0-9.]+$")
_MOST_EMBEDDINGS = 20
# An author's paint over an image is kept under such a name.
_PAINTED = "clipspace/"
_OTHER_FOLDERS = ("[output]", "[temp]")


def look_for_surprises(graph: BoundGraph, fields: Iterable[Field], found: Collector) -> None:
    """Notes what of the nodes that an output needs will not do on a worker what it does in the editor."""
    fields = tuple(fields)
    fed = {(target.node_id, target.input) for field in fields for target in field.targets}
    needed = graph.needed()
    for node in graph.nodes.values():
        if node.id in needed:
            _look_at(graph, node, fed, found)
    _masks(graph, needed, fields, found)
    _embeddings(graph, needed, found)


def separators(graph: BoundGraph, found: Collector) -> None:
    """Notes names of files that are written as Windows does: a ComfyUI on Linux lists no such name, and refuses it."""
    for node in graph.nodes.values():
        for name, value in node.inputs.items():
            spec = node.specs.get(name)
            if spec is None or not isinstance(value, str) or "\\" not in value or value in (spec.choices or ()):
                continue
            of_a_model = spec.unlisted and value.casefold().endswith(MODEL_EXTENSIONS)
            if of_a_model or (spec.folders and not is_file(spec)):
                found.add(errors.WindowsSeparator(at=_at(graph, node, name), value=value))


def _look_at(graph: BoundGraph, node: BoundNode, fed: Fed, found: Collector) -> None:
    drawn = node.node_class.facts.drawn_value
    for name, value in node.inputs.items():
        if as_link(value) is not None or (node.id, name) in fed:
            continue
        spec = node.specs.get(name)
        if drawn is not None and drawn.input == name and isinstance(value, (int, float)) and value < 0:
            at = _at(graph, node, name)
            found.add(pack_errors.ValueDrawnByExtension(at=at, pack=drawn.pack, value=value))
        if node.controls.get(name, "fixed") != "fixed":
            found.add(errors.ValueStaysAsSaved(at=_at(graph, node, name), value=value, control=node.controls[name]))
        if spec is not None and spec.unlisted:
            is_file = isinstance(value, str) and value.casefold().endswith(MODEL_EXTENSIONS)
            found.add(pack_errors.ChoicesNotKnown(at=_at(graph, node, name), value=value, is_file=is_file))
        if spec is None or spec.upload is None or not isinstance(value, str) or not value:
            continue
        if not spec.folders or value.endswith(_OTHER_FOLDERS):
            found.add(errors.FileOfTheAuthors(at=_at(graph, node, name), value=value))


def _masks(graph: BoundGraph, needed: Collection[str], fields: Iterable[Field], found: Collector) -> None:
    """Tells where the mask of a caller's image goes."""
    used = {
        (link.node_id, link.slot)
        for node_id in needed
        for value in graph.nodes[node_id].inputs.values()
        if (link := as_link(value)) is not None
    }
    for field in fields:
        if not field.has_mask:
            continue
        for target in field.targets:
            node = graph.nodes[target.node_id]
            slots = [slot for slot, output in enumerate(node.node_class.outputs) if output.type == "MASK"]
            way = node.node_class.facts.mask_source
            if way is not None and node.inputs.get(way.input) != way.alpha:
                continue
            if any((node.id, slot) in used for slot in slots):
                painted = _PAINTED in str(node.inputs.get(target.input, ""))
                at = _at(graph, node, target.input)
                found.add(errors.MaskFromTransparency(at=at, field=field.name, painted=painted))


def _embeddings(graph: BoundGraph, needed: Collection[str], found: Collector) -> None:
    for node in graph.nodes.values():
        if node.id not in needed:
            continue
        for name, value in node.inputs.items():
            names = _embeddings_in(value)
            if names:
                found.add(errors.EmbeddingNotInPackage(at=_at(graph, node, name), names=names))


def _embeddings_in(value: Json) -> tuple[str, ...]:
    if not isinstance(value, str) or "embedding:" not in value:
        return ()
    matches = (_WEIGHT.sub("", match[1]) for match in _EMBEDDING.finditer(value))
    return tuple(dict.fromkeys(name for name in matches if name))[:_MOST_EMBEDDINGS]


def _at(graph: BoundGraph, node: BoundNode, name: str | None = None) -> Locus:
    return Locus(graph.file, node.id, node.title, node.node_class.name, name, node.json_path)
