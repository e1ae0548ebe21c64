"""What a note can use of a graph: inputs that could be fields, outputs, models, node packs and subgraphs."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from comfy2runpod.author.lenient import MadeOut, make_out
from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.node_class import InputSpec, Number
from comfy2runpod.diagnostics import Collector, CompileError, Diagnostic
from comfy2runpod.errors.interface import DifferentKinds, UnsuitableInput
from comfy2runpod.fields import kind_name, kind_of
from comfy2runpod.ir.annotation import Annotation
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.document import Canvas, Document, GraphNode, Subgraph
from comfy2runpod.ir.prompt import as_link
from comfy2runpod.pipeline import Options
from comfy2runpod.stages.annotate.annotation import read_annotation
from comfy2runpod.stages.flatten.stage import natural_order
from comfy2runpod.stages.interface.models import find_models
from comfy2runpod.stages.interface.packs import Pack, find_packs, prompt_nodes
from comfy2runpod.stages.interface.stage import PossibleFields
from comfy2runpod_contract.json_types import Json

# Definitions that contain one another twice have exponentially many instances.
_MOST_INSTANCES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class InputEntry:
    """An input that a field could feed.

    `path` is what the note's `from` says, `label` another name that a subgraph shows it under. `owner` and
    `owner_title` are the node, or the subgraph's instance, and its class or definition. `reaches` are the inputs that a
    value goes to, where that is not the path itself. `value` is what the graph holds now, None with `value_known` False
    where the saved values could not be made out. `linked_from` is the node whose output it takes: no field can feed
    it. `problem` says why a field of it would be refused as it stands, `fields` which fields of the note feed it.
    """

    path: str
    owner: str
    owner_title: str
    kind: str
    label: str | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    step: Number | None = None
    choices: tuple[Json, ...] = ()
    value: Json = None
    value_known: bool = True
    linked_from: str | None = None
    reaches: tuple[str, ...] = ()
    problem: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputEntry:
    """A node that saves media; its path is for an output's `from`."""

    path: str
    title: str
    class_type: str
    kind: str
    media_type: str
    name: str | None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model file, its folder under ComfyUI's models, its URL ("" if unknown), and which nodes load it."""

    file: str
    folder: str
    url: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubgraphEntry:
    """A subgraph's definition: the paths of its instances, and the names and types of its inputs and outputs."""

    name: str
    instances: tuple[str, ...]
    nodes: int
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """The whole inspection; `diagnostics` are the problems that it met."""

    file: str
    editor: str | None
    inputs: tuple[InputEntry, ...]
    outputs: tuple[OutputEntry, ...]
    models: tuple[ModelEntry, ...]
    packs: tuple[Pack, ...]
    subgraphs: tuple[SubgraphEntry, ...]
    diagnostics: tuple[Diagnostic, ...]


def inspect_graph(data: bytes, file: str, catalog: Catalog, options: Options) -> Inspection:
    """Inspects a saved graph, as far as it can be read.

    Raises:
        CompileError: it is not a graph.
    """
    made = make_out(data, file, catalog, options)
    document, graph = made.document, made.graph
    found = list(made.diagnostics)
    try:
        annotation = read_annotation(document)
        found += annotation.warnings
    except CompileError as error:
        found += error.diagnostics
        annotation = Annotation()
    looker = _Looker(made, graph, annotation) if graph is not None else None
    return Inspection(
        file=file,
        editor=document.frontend_version,
        inputs=() if looker is None else (*looker.exposed(), *looker.of_nodes()),
        outputs=() if looker is None else tuple(looker.outputs()),
        models=_models_of_file(document, catalog) if graph is None else _models(graph, annotation, catalog, options),
        packs=find_packs(document, catalog),
        subgraphs=tuple(_subgraphs(document)),
        diagnostics=tuple(found),
    )


class _Looker:
    def __init__(self, made: MadeOut, graph: BoundGraph, annotation: Annotation) -> None:
        self._made = made
        self._graph = graph
        self._possible = PossibleFields(graph, made.exposed)
        self._titles = {path: node.title or subgraph.name for path, node, subgraph in _instances(made.document)}
        self._outputs = {output.node: output.name for output in annotation.outputs or ()}
        self._fields: dict[str, list[str]] = {}
        for note in annotation.inputs or ():
            for source in note.sources:
                self._fields.setdefault(source.path, []).append(note.name)

    def exposed(self) -> Iterator[InputEntry]:
        """What subgraphs show on their instances."""
        for exposed in self._made.exposed:
            reaches = tuple(f"{node}.{name}" for node, name in exposed.targets)
            known = all(self._known(node) for node, _ in exposed.targets)
            paths = [f"{exposed.path}.{exposed.name}"]
            if exposed.label:
                paths.append(f"{exposed.path}.{exposed.label}")
            entry = self._entry(paths, exposed.path, self._titles.get(exposed.path, ""), reaches, known=known)
            if entry is not None:
                yield replace(entry, label=exposed.label)

    def of_nodes(self) -> Iterator[InputEntry]:
        """The inputs of the nodes themselves, and the members of values that are objects."""
        for node in self._graph.nodes.values():
            for name, value in node.inputs.items():
                spec = node.specs.get(name)
                if spec is None:
                    continue
                path = f"{node.id}.{name}"
                link = as_link(value)
                if link is not None:
                    if spec.is_widget and kind_of(spec) is not None:
                        yield InputEntry(
                            path=path, owner=node.id, owner_title=_named(node), kind=kind_name(spec),
                            value=None, linked_from=link.node_id,
                        )  # fmt: skip
                    continue
                members = [f"{path}.{member}" for member in value] if isinstance(value, dict) else [path]
                for member in members:
                    entry = self._entry([member], node.id, _named(node), (member,), known=self._known(node.id))
                    if entry is not None:
                        yield entry

    def outputs(self) -> Iterator[OutputEntry]:
        """The nodes that save media."""
        for node in self._graph.nodes.values():
            saved = node.node_class.saves
            if saved is not None:
                name = self._outputs.get(node.id)
                yield OutputEntry(node.id, node.title, node.node_class.name, saved.kind.value, saved.media_type, name)

    def _known(self, node_id: str) -> bool:
        node = self._graph.nodes.get(node_id)
        return node is not None and node.json_path not in self._made.changed

    def _entry(
        self, paths: list[str], owner: str, title: str, reaches: tuple[str, ...], *, known: bool
    ) -> InputEntry | None:
        """What a field at the path would be; None if no field can feed it."""
        reached, why_not = self._possible.at(paths[0])
        if not reached or any(isinstance(reason, UnsuitableInput) for reason in why_not):
            return None
        problem = next((reason.reason for reason in why_not if known or isinstance(reason, DifferentKinds)), None)
        specs = [spec for item in reached for _, spec in item.bounds]
        bounded = {path for item in reached for path, _ in item.bounds}
        return InputEntry(
            path=paths[0],
            owner=owner,
            owner_title=title,
            kind=" or ".join(sorted({kind_name(item.spec) for item in reached})),
            minimum=max((spec.minimum for spec in specs if spec.minimum is not None), default=None),
            maximum=min((spec.maximum for spec in specs if spec.maximum is not None), default=None),
            step=reached[0].spec.step,
            choices=_common_choices(specs),
            value=reached[0].current if known else None,
            value_known=known,
            reaches=tuple(sorted({*reaches, *bounded} - {paths[0]}, key=natural_order)),
            problem=problem,
            fields=tuple(name for path in paths for name in self._fields.get(path, ())),
        )


def _common_choices(specs: list[InputSpec]) -> tuple[Json, ...]:
    """The choices that all of the inputs have."""
    common = list(specs[0].choices or ())
    for spec in specs[1:]:
        theirs = set(map(_hashable, spec.choices or ()))
        common = [choice for choice in common if _hashable(choice) in theirs]
    return tuple(common)


def _hashable(choice: Json) -> object:
    return json.dumps(choice, sort_keys=True) if isinstance(choice, (list, dict)) else choice


def _named(node: BoundNode) -> str:
    """A node's class, and its title if it has its own."""
    kind = node.node_class.name
    return kind if node.title in (kind, node.node_class.title) else f'{kind} "{node.title}"'


def _models(graph: BoundGraph, annotation: Annotation, catalog: Catalog, options: Options) -> tuple[ModelEntry, ...]:
    models = find_models(graph, annotation, catalog, Collector(), options.hub)
    return tuple(ModelEntry(model.file, model.directory, model.url, model.node_ids) for model in models)


def _models_of_file(document: Document, catalog: Catalog) -> tuple[ModelEntry, ...]:
    """What the loaders' own lists say, if it is not known which nodes run."""
    nodes: dict[tuple[str, str, str], list[str]] = {}
    for node in prompt_nodes(document, catalog):
        for ref in node.models:
            nodes.setdefault((ref.directory, ref.name, ref.url), []).append(node.id)
    return tuple(ModelEntry(name, folder, url, tuple(ids)) for (folder, name, url), ids in sorted(nodes.items()))


def _instances(document: Document) -> Iterator[tuple[str, GraphNode, Subgraph]]:
    """Every instance of a subgraph under its path, outermost first, up to the limit.

    A definition inside itself is entered once.
    """
    waiting: deque[tuple[str, Canvas, frozenset[str]]] = deque([("", document.root, frozenset())])
    left = _MOST_INSTANCES
    while waiting:
        prefix, canvas, inside = waiting.popleft()
        for node in canvas.nodes:
            subgraph = document.subgraphs.get(node.type)
            if subgraph is not None:
                path = f"{prefix}{node.id}"
                yield path, node, subgraph
                left -= 1
                if not left:
                    return
                if subgraph.id not in inside:
                    waiting.append((f"{path}:", subgraph.canvas, inside | {subgraph.id}))


def _subgraphs(document: Document) -> Iterator[SubgraphEntry]:
    instances: dict[str, list[str]] = {}
    for path, _, subgraph in _instances(document):
        instances.setdefault(subgraph.id, []).append(path)
    for subgraph in document.subgraphs.values():
        yield SubgraphEntry(
            name=subgraph.name,
            instances=tuple(instances.get(subgraph.id, ())),
            nodes=len(subgraph.canvas.nodes),
            inputs=tuple((slot.label or slot.name, slot.type) for slot in subgraph.inputs),
            outputs=tuple((slot.label or slot.name, slot.type) for slot in subgraph.outputs),
        )
