"""Files that a graph names and only its author's machine has: images, videos, sounds in ComfyUI's input folder.

Those of a kind that a field can bring become fields. Where none does, every job would fail; that is found out here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from comfy2runpod.catalog.folders import INPUT_FOLDERS
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import interface as errors
from comfy2runpod.fields import Field, is_file, kind_of
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.prompt import as_link


def unfed_files(graph: BoundGraph, fed: Collection[tuple[str, str]]) -> Iterator[tuple[BoundNode, str]]:
    """Inputs with a file of the author's that a field can bring, on nodes that run; `fed` are those that one does."""
    for node, name, spec in _files(graph):
        if is_file(spec) and (node.id, name) not in fed:
            yield node, name


def check_files(graph: BoundGraph, fields: Iterable[Field], found: Collector) -> None:
    """Reports every file that no field feeds."""
    fed = {(target.node_id, target.input) for field in fields for target in field.targets}
    for node, name, spec in _files(graph):
        if (node.id, name) in fed:
            continue
        at = Locus(graph.file, node.id, node.title, node.node_class.name, name, node.json_path)
        value = node.inputs[name]
        kind = kind_of(spec)
        if kind is not None and kind.is_file:
            found.add(errors.FileNotFed(at=at, value=value, kind=kind.kind))
        else:
            found.add(errors.FileNotInPackage(at=at, value=value, folder=spec.folders[0]))


def _files(graph: BoundGraph) -> Iterator[tuple[BoundNode, str, InputSpec]]:
    """Inputs that hold the name of a user's file, on nodes that an output needs: ComfyUI looks at no others."""
    needed = graph.needed()
    for node in graph.nodes.values():
        if node.id not in needed:
            continue
        for name, value in node.inputs.items():
            spec = node.specs.get(name)
            if spec is None or as_link(value) is not None:
                continue
            if any(folder in INPUT_FOLDERS for folder in spec.folders):
                yield node, name, spec
