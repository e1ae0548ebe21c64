"""Which model files a graph loads, and where they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from comfy2runpod.catalog.classes import UNKNOWN_FOLDER
from comfy2runpod.catalog.node_facts import INPUT_FOLDERS
from comfy2runpod.diagnostics import Collector, Locus, nearest
from comfy2runpod.errors import models as errors
from comfy2runpod.ir.annotation import Annotation
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.document import ModelRef
from comfy2runpod.ir.interface import Model

_HUGGING_FACE = re.compile(r"https://huggingface\.co/([^/]+/[^/]+)/(?:resolve|blob)/([^/]+)/([^?#]+)")


def find_models(graph: BoundGraph, annotation: Annotation, found: Collector) -> tuple[Model, ...]:
    """The model files that nodes of the graph load, each once, in the order of their names.

    A loader's `properties.models` tells the URL; the note adds to it or overrides it.
    """
    models: dict[tuple[str, str], Model] = {}
    for node, file, folder in _loaded(graph):
        ref = next((ref for ref in _refs(graph, node) if ref.name == file), None)
        directory = (ref.directory if ref is not None else "") or folder
        known = models.get((directory, file))
        if known is not None:
            models[directory, file] = replace(known, node_ids=(*known.node_ids, node.id))
            continue
        models[directory, file] = _model(file, directory, ref, annotation, node)
    names = {model.file for model in models.values()}
    for file in annotation.models:
        if file not in names:
            at = Locus(
                graph.file, annotation.node_id, "comfy2runpod", input=f"models.{file}", json_path=annotation.json_path
            )
            found.add(errors.UnknownModel(at=at, file=file, near=nearest(file, names)))
    for model in models.values():
        if not model.url:
            node = graph.nodes[model.node_ids[0]]
            at = Locus(graph.file, node.id, node.title, node.node_class.name, json_path=node.json_path)
            found.add(errors.ModelWithoutUrl(at=at, file=model.file, folder=model.directory))
        elif model.directory == UNKNOWN_FOLDER:
            node = graph.nodes[model.node_ids[0]]
            at = Locus(graph.file, node.id, node.title, node.node_class.name, json_path=node.json_path)
            found.add(errors.ModelWithoutFolder(at=at, file=model.file))
    return tuple(model for _, model in sorted(models.items()))


def _loaded(graph: BoundGraph) -> Iterator[tuple[BoundNode, str, str]]:
    """Node, file name and folder of every input that names a model file."""
    for node in graph.nodes.values():
        for name, value in node.inputs.items():
            spec = node.specs.get(name)
            if spec is None or not isinstance(value, str):
                continue
            folders = [folder for folder in spec.folders if folder not in INPUT_FOLDERS]
            if folders and value not in (spec.choices or ()):
                # The last folder is the one that ComfyUI writes today: `clip` became `text_encoders`.
                yield node, value, folders[-1]


def _refs(graph: BoundGraph, node: BoundNode) -> Iterator[ModelRef]:
    """The node's own model list first, then the other loaders': one file may be loaded by several of them."""
    yield from node.models
    for other in graph.nodes.values():
        if other is not node:
            yield from other.models


def _model(file: str, directory: str, ref: ModelRef | None, annotation: Annotation, node: BoundNode) -> Model:
    note = annotation.models.get(file)
    url = (note.url if note is not None else None) or (ref.url if ref is not None else "")
    match = _HUGGING_FACE.match(url)
    sha256 = ref.hash if ref is not None and ref.hash and (ref.hash_type or "").lower() == "sha256" else None
    return Model(
        file=file,
        directory=(note.directory if note is not None else None) or directory,
        url=url,
        repo=match[1] if match else None,
        path=match[3] if match else None,
        revision=match[2] if match else None,
        size=None,
        approximate_size=note.size if note is not None else None,
        sha256=sha256.lower() if sha256 else None,
        node_ids=(node.id,),
        licence=note.licence if note is not None else None,
    )
