"""Fields and outputs that no note names: what the author exposed or chose in App mode, files, and Save nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

from comfy2runpod.catalog.facts.kinds import Saves
from comfy2runpod.diagnostics import Collector, Locus
from comfy2runpod.errors import interface as errors
from comfy2runpod.fields import is_file, kind_name, kind_of
from comfy2runpod.fields.note import InputAnnotation, Source
from comfy2runpod.ir.annotation import Annotation, OutputAnnotation
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.prompt import as_link
from comfy2runpod.stages.interface.fed_once import FileNames
from comfy2runpod.stages.interface.input_files import unfed_files
from comfy2runpod.stages.interface.names import FreeNames, slug
from comfy2runpod.stages.interface.paths import Paths, Place
from comfy2runpod_contract.messages import ANSWER_KEYS, REQUEST_KEYS

# A node, its input, and the member of an object-valued widget.
_Key: TypeAlias = tuple[str, str, str | None]


def derived_inputs(
    graph: BoundGraph,
    paths: Paths,
    app_inputs: Iterable[tuple[str, str]],
    outputs: Iterable[OutputAnnotation],
    file_names: FileNames,
    found: Collector,
) -> Iterator[InputAnnotation]:
    """Fields for what the author exposed: subgraphs' inputs and App mode's choice, models aside.

    Args:
        graph: the nodes that run.
        paths: finds inputs.
        app_inputs: what the author chose in App mode: node and name.
        outputs: what the endpoint gives.
        file_names: the inputs that the worker writes itself.
        found: takes what is exposed and can be no field.
    """
    free = FreeNames(REQUEST_KEYS)
    in_answer = ANSWER_KEYS | {note.name for note in outputs}
    sources = [(item.label or item.name, f"{item.path}.{item.name}") for item in paths.on_root()]
    sources += [(name, f"{node_id}.{name}") for node_id, name in app_inputs]
    reached: set[tuple[str, str]] = set()
    exposed: set[frozenset[_Key]] = set()
    taken: set[_Key] = set()
    for label, path in dict.fromkeys(sources):
        places = paths.resolve(path)
        reached |= {(place.node.id, place.input) for place in places}
        if not places or (places[0].spec.folders and not is_file(places[0].spec)):
            continue
        keys = frozenset((place.node.id, place.input, place.member) for place in places)
        if keys in exposed:
            # The same value, exposed by a subgraph and chosen in App mode.
            continue
        why = _unfit(places) or _fed_elsewhere(keys, taken, file_names)
        if why is not None:
            node_id, _, name = path.partition(".")
            at = Locus(graph.file, node=node_id, input=name)
            found.add(errors.ExposedInputOmitted(at=at, path=path, why=why))
            continue
        name = free(label, in_answer if _in_answer(places) else ())
        exposed.add(keys)
        taken |= keys
        yield InputAnnotation(name=name, sources=(Source(path),))
    # What the author exposed is a choice; a file is none: the worker does not have it.
    for node, input_name in unfed_files(graph, reached):
        label = kind_name(node.specs[input_name]) if node.title == node.node_class.title else node.title
        name = free(label)
        yield InputAnnotation(name=name, sources=(Source(f"{node.id}.{input_name}"),))


def derived_outputs(graph: BoundGraph, paths: Paths, annotation: Annotation) -> tuple[OutputAnnotation, ...]:
    """An output for each node that saves; one that only shows a text counts where there is nothing else."""
    saved = [(node, saves) for node, saves in saving(graph) if not saves.shown] or saving(graph)
    notes: list[OutputAnnotation] = []
    free = FreeNames(ANSWER_KEYS | set(_noted_seeds(paths, annotation)))
    for node, saves in saved:
        kind = saves.kind.value
        titled = node.title != node.node_class.title
        name = kind if len(saved) == 1 else (slug(node.title) if titled else f"{kind}_{slug(node.id)}")
        notes.append(OutputAnnotation(name=free(name), node=node.id))
    return tuple(notes)


def saving(graph: BoundGraph) -> list[tuple[BoundNode, Saves]]:
    """The nodes that save something, and what."""
    return [(node, saves) for node in graph.nodes.values() if (saves := node.node_class.saves) is not None]


def _noted_seeds(paths: Paths, annotation: Annotation) -> Iterator[str]:
    """The names of the fields that the note makes seeds."""
    for note in annotation.inputs or ():
        places = [place for source in note.sources for place in paths.resolve(source.path)]
        if places and _in_answer(places):
            yield note.name


def _in_answer(places: Iterable[Place]) -> bool:
    """Whether the answer tells of a field that feeds these inputs."""
    kind = kind_of(*(place.spec for place in places))
    return kind is not None and kind.in_answer


def _unfit(places: Iterable[Place]) -> str | None:
    """Why no field can be made of what an exposed input reaches, None if one can."""
    for place in places:
        path = f"{place.node.id}.{place.input}"
        if kind_of(place.spec) is None:
            return f"{path} has the type {place.spec.type}, which no field can feed"
        link = as_link(place.node.inputs.get(place.input))
        if link is not None:
            return f"{path} takes its value over a link from {link.node_id}"
    return None


def _fed_elsewhere(keys: Iterable[_Key], taken: Collection[_Key], file_names: FileNames) -> str | None:
    """Why a value that is exposed would not count, None if it does."""
    for node_id, name, member in sorted(keys, key=str):
        if (output := file_names.replaced(node_id, name)) is not None:
            return f"{node_id}.{name} only names the file of {output}, which the worker names itself"
        if (node_id, name, member) in taken:
            return f"{node_id}.{name}, to which it leads, is a field already"
    return None
