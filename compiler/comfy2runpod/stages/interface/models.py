"""Which model files a graph loads, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.folders import INPUT_FOLDERS, MODEL_EXTENSIONS
from comfy2runpod.catalog.node_class import UNKNOWN_FOLDER
from comfy2runpod.diagnostics import Collector, Locus, nearest
from comfy2runpod.errors import models as errors
from comfy2runpod.ir.annotation import Annotation
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.document import ModelRef
from comfy2runpod.ir.interface import Model
from comfy2runpod_contract.hashes import sha256_hex
from comfy2runpod_contract.model_files import (
    MODEL_FOLDERS,
    ModelPlaceRefused,
    conflicting_files,
    is_folder,
    model_place,
)
from comfy2runpod_contract.model_urls import ModelUrlRefused, hub_file, model_url, private_host

_ANY_FOLDER = "checkpoints"
# Where ComfyUI looks for the files of a folder besides that folder, and no class says so.
_ALSO = {"t2i_adapter": "controlnet", "clip": "text_encoders", "unet": "diffusion_models"}


def find_models(
    graph: BoundGraph, annotation: Annotation, catalog: Catalog, found: Collector, hub: str | None
) -> tuple[Model, ...]:
    """The model files that nodes of the graph load, each once, in the order of their names.

    A loader's `properties.models` tells the URL; the note adds to it or overrides it. What the contract refuses as a
    model's place or URL is noted, and the model omitted. `hub` is the address of the user's own hub, if there is one.
    """
    finder = _Finder(graph, annotation, model_folders(catalog), found, hub)
    models: dict[tuple[str, str], Model] = {}
    loaders: dict[tuple[str, str], list[str]] = {}
    listed = _listed(graph)
    for node, name, file, folder in _loaded(graph):
        # The node's own model list first, then the other loaders': one file may be loaded by several of them.
        refs = chain(node.models, listed.get(_last(file), ()))
        ref = next((ref for ref in refs if _is_of(ref, file, folder)), None)
        directory = finder.directory(file, folder, ref)
        if (directory, file) in models:
            loaders[directory, file].append(node.id)
            finder.compare(node, name, models[directory, file], ref)
            continue
        model = finder.model(node, name, file, directory, ref)
        if model is not None:
            models[directory, file] = model
            loaders[directory, file] = [node.id]
    finder.finish(models.values())
    finder.compare_places([model for _, model in sorted(models.items())])
    return tuple(replace(model, node_ids=tuple(loaders[place])) for place, model in sorted(models.items()))


def model_folders(catalog: Catalog) -> frozenset[str]:
    """The model folders that classes of packs name, beside ComfyUI's own."""
    return frozenset(name for name in catalog.folders() if name not in MODEL_FOLDERS and is_folder(name))


class _Finder:
    def __init__(
        self, graph: BoundGraph, annotation: Annotation, folders: frozenset[str], found: Collector, hub: str | None
    ) -> None:
        self._graph = graph
        self._annotation = annotation
        self._folders = folders
        self._found = found
        self._hub = hub
        self._named: set[str] = set()

    def directory(self, file: str, folder: str, ref: ModelRef | None) -> str:
        """Where a file goes: the note's word, the loader's list, or the folder that the loader looks in."""
        note = self._annotation.models.get(file)
        if note is not None and note.directory:
            return note.directory
        # Where both name a folder below the loader's, the list says no more than the loader.
        return ref.directory if ref is not None and ref.directory and ref.name == file else folder

    def model(self, node: BoundNode, name: str, file: str, directory: str, ref: ModelRef | None) -> Model | None:
        """The model, or None with the reasons noted."""
        self._named.add(file)
        note = self._annotation.models.get(file)
        try:
            # In an unknown folder, names have the same rule as in any other.
            place = model_place(directory or _ANY_FOLDER, file, self._folders)
        except ModelPlaceRefused as refused:
            by_note = note is not None and note.directory
            at = self._at_note(file, "directory") if by_note else self._at(node, name)
            self._found.add(errors.BadModelPlace(at=at, file=file, folder=directory, problem=str(refused)))
            return None
        looked = node.specs[name].folders
        if directory and UNKNOWN_FOLDER not in looked and not {place.folder, _ALSO.get(place.folder)} & {*looked}:
            by_note = note is not None and note.directory
            at = self._at_note(file, "directory") if by_note else self._at(node, name)
            self._found.add(errors.ModelInOtherFolder(at=at, file=file, folder=directory, looked=looked))
            return None
        url = (note.url if note is not None else None) or (ref.url if ref is not None else "")
        at = self._at_note(file, "url") if note is not None and note.url else self._at(node)
        try:
            url = model_url(url, self._hub) if url else ""
        except ModelUrlRefused as refused:
            self._found.add(errors.BadModelUrl(at=at, file=file, problem=refused.reason, what_to_do=refused.remedy))
            return None
        private = private_host(url, self._hub)
        if private is not None:
            self._found.add(errors.PrivateModelUrl(at=at, file=file, host=private))
        repo, revision, path = hub_file(url) or (None, None, None)
        sha256 = None
        if ref is not None and ref.hash and (ref.hash_type or "").lower() == "sha256":
            sha256 = sha256_hex(ref.hash.strip())
            if sha256 is None:
                self._found.add(errors.BadModelHash(at=self._at(node), file=file, found=ref.hash))
                return None
        return Model(
            file=file,
            directory=directory,
            url=url,
            repo=repo,
            path=path,
            revision=revision,
            size=None,
            approximate_size=note.size if note is not None else None,
            sha256=sha256,
            node_ids=(node.id,),
            licence=note.licence if note is not None else None,
            gated=note.gated if note is not None else None,
        )

    def compare(self, node: BoundNode, name: str, model: Model, ref: ModelRef | None) -> None:
        """Notes what another loader of a file says of it that cannot be so too; the note's word is above both."""
        note = self._annotation.models.get(model.file)
        if ref is None or not ref.url or not model.url or (note is not None and note.url):
            return
        try:
            url = model_url(ref.url, self._hub)
        except ModelUrlRefused as refused:
            at = self._at(node, name)
            self._found.add(
                errors.BadModelUrl(at=at, file=model.file, problem=refused.reason, what_to_do=refused.remedy)
            )
            return
        sha256 = sha256_hex((ref.hash or "").strip()) if (ref.hash_type or "").lower() == "sha256" else None
        hashes = {sha256, model.sha256} - {None}
        if len(hashes) > 1 or (url != model.url and not (hashes and sha256 == model.sha256)):
            first = self._graph.locus(model.node_ids[0])
            at = self._at(node, name)
            self._found.add(errors.ModelOfTwoUrls(at=at, file=model.file, url=url, other=model.url, loader=first))

    def compare_places(self, models: Sequence[Model]) -> None:
        """Notes the first two files that cannot both lie where they are to."""
        placed = [model for model in models if model.directory]
        places = [model_place(model.directory, model.file, self._folders) for model in placed]
        pair = conflicting_files((place, model.url, model.sha256) for place, model in zip(places, placed, strict=True))
        if pair is None:
            return
        one, other = pair
        at, first = (self._graph.locus(placed[number].node_ids[0]) for number in (other, one))
        self._found.add(errors.ModelsAtOnePlace(at=at, place=places[other].path, other=places[one].path, loader=first))

    def finish(self, models: Iterable[Model]) -> None:
        """Reports models that no loader names, and models without a URL."""
        for file in self._annotation.models:
            if file not in self._named:
                at = self._at_note(file)
                self._found.add(errors.UnknownModel(at=at, file=file, near=nearest(file, self._named)))
        for model in models:
            at = self._at(self._graph.nodes[model.node_ids[0]])
            if not model.url:
                self._found.add(errors.ModelWithoutUrl(at=at, file=model.file, folder=model.directory))
            elif model.directory == UNKNOWN_FOLDER:
                self._found.add(errors.ModelWithoutFolder(at=at, file=model.file))

    def _at(self, node: BoundNode, name: str | None = None) -> Locus:
        return self._graph.locus(node.id, name)

    def _at_note(self, file: str, key: str | None = None) -> Locus:
        note = self._annotation
        place = f"models.{file}" + (f".{key}" if key else "")
        return Locus(self._graph.file, note.node_id, "comfy2runpod", input=place, json_path=note.json_path)


def _loaded(graph: BoundGraph) -> Iterator[tuple[BoundNode, str, str, str]]:
    """Node, input, file name and folder of every input that names a model file."""
    for node in graph.nodes.values():
        for name, value in node.inputs.items():
            spec = node.specs.get(name)
            if spec is None or not isinstance(value, str):
                continue
            folders = [folder for folder in spec.folders if folder not in INPUT_FOLDERS]
            if spec.unlisted and value.casefold().endswith(MODEL_EXTENSIONS):
                yield node, name, value, UNKNOWN_FOLDER
            if folders and value not in (spec.choices or ()):
                # The last folder is the one that ComfyUI writes today: `clip` became `text_encoders`.
                yield node, name, value, folders[-1]


def _listed(graph: BoundGraph) -> Mapping[str, list[ModelRef]]:
    """What the model lists of all nodes name, by the last part of the name, each list's word in their order."""
    found: dict[str, dict[ModelRef, None]] = {}
    for node in graph.nodes.values():
        for ref in node.models:
            found.setdefault(_last(ref.name), {})[ref] = None
    return {name: list(refs) for name, refs in found.items()}


def _last(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _is_of(ref: ModelRef, file: str, folder: str) -> bool:
    """Whether an entry of a model list is of this file: by its name, or by the same place told otherwise."""
    return ref.name == file or (bool(ref.directory) and f"{ref.directory}/{ref.name}" == f"{folder}/{file}")
