"""BoundGraph + Annotation -> Interface: typed inputs, named outputs, models, and where it is to run.

What the note does not say is taken from what ComfyUI itself stores: a subgraph's exposed inputs, App mode's choice,
seeds by what their class declares, Save nodes, and the loaders' model lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import PurePosixPath
from types import MappingProxyType

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.kinds import Saves
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.diagnostics import Collector, Diagnostic, Locus, nearest
from comfy2runpod.errors import interface as errors
from comfy2runpod.expressions.bounds import Work
from comfy2runpod.expressions.expression import Expression, ExpressionError, parse_expression
from comfy2runpod.fields import Field, Target
from comfy2runpod.fields.draft import AspectLimit, Reached
from comfy2runpod.fields.note import InputAnnotation, Source
from comfy2runpod.ir.annotation import Annotation, OutputAnnotation
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.flat import Exposed
from comfy2runpod.ir.interface import Interface, RunpodSettings
from comfy2runpod.ir.prompt import as_link
from comfy2runpod.outputs import Output, output_class
from comfy2runpod.stages.annotate.annotation import MOST_NAMES
from comfy2runpod.stages.annotate.plain_text import plain_text
from comfy2runpod.stages.interface.aspect import aspect_limit
from comfy2runpod.stages.interface.batches import check_batches
from comfy2runpod.stages.interface.derived import derived_inputs, derived_outputs, saving
from comfy2runpod.stages.interface.fed_once import FileNames, check_fed_once, each_once
from comfy2runpod.stages.interface.fields import Planned, consumers_of, planned, reached_specs
from comfy2runpod.stages.interface.gpu_pools import GPU_POOLS
from comfy2runpod.stages.interface.image import make_image
from comfy2runpod.stages.interface.input_files import check_files
from comfy2runpod.stages.interface.models import find_models
from comfy2runpod.stages.interface.names import good_name, slug
from comfy2runpod.stages.interface.paths import Paths
from comfy2runpod.stages.interface.secrets import refuse_secrets
from comfy2runpod.stages.interface.surprises import look_for_surprises, separators
from comfy2runpod_contract.json_types import Json, json_type
from comfy2runpod_contract.limits import DEFAULT_EXECUTION_MS
from comfy2runpod_contract.messages import ANSWER_KEYS, REQUEST_KEYS

_DEFAULT_GPU = ("ADA_24",)
_DEFAULT_DISK_GB = 20
# As clients name the files of a list: at least two digits, from 01.
_NUMBERED = re.compile(r"(.+)_(?:[0-9][1-9]|[1-9][0-9]+)")


def make_interface(
    graph: BoundGraph,
    exposed: tuple[Exposed, ...],
    annotation: Annotation,
    catalog: Catalog,
    files: Mapping[str, bytes | str] = MappingProxyType({}),
    hub: str | None = None,
    *,
    allow_additions: bool = False,
) -> tuple[Interface, tuple[Diagnostic, ...]]:
    """The endpoint's contract, without the changes of the prompt where fields are omitted.

    Args:
        graph: the nodes that run.
        exposed: what subgraphs show on their instances.
        annotation: what the author wrote in the note, and chose in App mode.
        catalog: the classes.
        files: of files beside the graph, by path, their bytes, or why one was not read.
        hub: the address of the user's own hub, which may be anywhere.
        allow_additions: whether the image may get files and packages that the note or facts beside the graph name.

    Raises:
        CompileError: the note names what is not there, widens bounds, or nothing is saved; all faults are named.
    """
    maker = _Maker(graph, exposed, annotation)
    fields = maker.fields()
    if not maker.found.has_errors:
        # A field that could not be made would have fed some of them.
        check_files(graph, fields, maker.found)
        look_for_surprises(graph, fields, maker.found)
    image = make_image(graph, fields, annotation, files, maker.found, allow_additions=allow_additions)
    outputs = tuple(maker.outputs(fields, catalog.facts.save_classes))
    check_fed_once(fields, maker.names, maker.at_field, maker.found)
    if not maker.found.has_errors:
        check_batches(graph, fields, outputs, catalog, maker.found)
    refuse_secrets(graph, fields, maker.found)
    before = len(maker.found.all)
    separators(graph, maker.found)
    # A name that no worker lists is told once.
    models = find_models(graph, annotation, catalog, maker.found, hub) if len(maker.found.all) == before else ()
    runpod = maker.runpod()
    name = maker.name()
    warnings = maker.found.finish()
    interface = Interface(
        name=name,
        title=annotation.title or name.replace("_", " "),
        description=plain_text(annotation.description or ""),
        source=PurePosixPath(graph.file).name,
        comfyui_version=catalog.comfyui,
        comfyui_commit=catalog.commit,
        fields=fields,
        outputs=outputs,
        models=models,
        runpod=runpod,
        image=image,
    )
    return interface, warnings


class PossibleFields:
    """What fields could be made of a graph, a path at a time."""

    def __init__(self, graph: BoundGraph, exposed: tuple[Exposed, ...]) -> None:
        self._maker = _Maker(graph, exposed, Annotation())
        self._at = Locus(graph.file)

    def at(self, path: str) -> tuple[tuple[Reached, ...], tuple[Diagnostic, ...]]:
        """What a field fed from one path alone would reach, and why it would be refused."""
        maker, source = self._maker, Source(path)
        maker.found = Collector()
        note = InputAnnotation(name="field", sources=(source,))
        reached = tuple(maker.reach(note, source, self._at))
        plan = planned(note, reached, self._at, maker.found, maker.work, _no_limit) if reached else None
        if plan is not None:
            plan.make()
        return reached, maker.found.all


class _Maker:
    def __init__(self, graph: BoundGraph, exposed: tuple[Exposed, ...], annotation: Annotation) -> None:
        self._file = graph.file
        self._graph = graph
        self._annotation = annotation
        self.found = Collector()
        self.work = Work()
        self._paths = Paths(graph, exposed)

    # Not for `PossibleFields`, which asks for one path at a time.
    @cached_property
    def names(self) -> FileNames:
        return FileNames(self._graph, self._output_notes)

    @cached_property
    def _output_notes(self) -> tuple[OutputAnnotation, ...]:
        notes = self._annotation.outputs
        return derived_outputs(self._graph, self._paths, self._annotation) if notes is None else notes

    def name(self) -> str:
        name = self._annotation.name or slug(PurePosixPath(self._file).stem)
        if not good_name(name):
            self.found.add(errors.BadName(at=self._at("name"), name=name, what="an endpoint"))
        return name

    def fields(self) -> tuple[Field, ...]:
        """The fields, in the note's order; those that depend on others are made after them."""
        made: dict[str, Field] = {}

        def limit(reached: tuple[Reached, ...]) -> AspectLimit:
            return aspect_limit(self._graph, made.values(), {item.target.node_id for item in reached})

        order, waiting = [], []
        for plan in self._plans(limit):
            order.append(plan.draft.note.name)
            if plan.kind.made_last:
                waiting.append(plan)
            else:
                made |= self._made(plan)
        for plan in waiting:
            made |= self._made(plan)
        return tuple(made[name] for name in order if name in made)

    def _made(self, plan: Planned) -> Mapping[str, Field]:
        """The field under its name; nothing if it cannot be made."""
        field, name = plan.make(), plan.draft.note.name
        if field is not None and field.in_answer and name in ANSWER_KEYS:
            what = "a seed, which every answer contains under this name"
            self.found.add(errors.BadName(at=plan.draft.at, name=name, what=what))
            return {}
        return {} if field is None else {name: field}

    def _plans(self, limit: Callable[[tuple[Reached, ...]], AspectLimit]) -> Iterator[Planned]:
        notes = self._annotation.inputs
        seen: set[str] = set()
        for number, note in enumerate(self._derived_inputs() if notes is None else notes):
            if number == MOST_NAMES:
                self.found.add(errors.TooManyNames(at=self._at("inputs"), what="inputs", limit=MOST_NAMES))
                return
            at = self._at(f"inputs.{note.name}")
            if not good_name(note.name) or note.name in seen or note.name in REQUEST_KEYS:
                self.found.add(errors.BadName(at=at, name=note.name, what="a field"))
                continue
            seen.add(note.name)
            before = len(note.sources)
            reached = tuple(item for source in note.sources for item in self.reach(note, source, at))
            if len(reached) < before:
                continue
            plan = planned(note, each_once(reached), at, self.found, self.work, limit)
            if plan is not None:
                yield plan

    def _derived_inputs(self) -> Iterator[InputAnnotation]:
        chosen = self._annotation.app_inputs
        derived = derived_inputs(self._graph, self._paths, chosen, self._output_notes, self.names, self.found)
        return islice(derived, MOST_NAMES + 1)

    def outputs(self, fields: Iterable[Field], save_classes: tuple[str, ...]) -> Iterator[Output]:
        """An answer tells of outputs and seeds side by side; `save_classes` are those that an author could add."""
        notes = self._output_notes
        if not notes:
            ending = {node.node_class.name: None for node in self._graph.nodes.values() if _may_save(node)}
            at = Locus(self._file)
            self.found.add(errors.NoOutput(at=at, save_classes=save_classes, may_save=(*islice(ending, 10),)))
        taken = {field.name for field in fields if field.in_answer}
        lists = {note.name for note in notes if note.many}
        if len(notes) > MOST_NAMES:
            self.found.add(errors.TooManyNames(at=self._at("outputs"), what="outputs", limit=MOST_NAMES))
            return
        for note in notes:
            at = self._at(f"outputs.{note.name}")
            if not good_name(note.name) or note.name in taken or note.name in ANSWER_KEYS:
                self.found.add(errors.BadName(at=at, name=note.name, what="an output"))
                continue
            taken.add(note.name)
            numbered = _NUMBERED.fullmatch(note.name)
            if numbered is not None and numbered[1] in lists:
                self.found.add(errors.NamesOfOneFile(at=at, output=note.name, of=numbered[1]))
                continue
            node = self._graph.nodes.get(note.node)
            saves = node.node_class.saves if node is not None else None
            if node is None or saves is None:
                kind = "no node that runs" if node is None else node.node_class.name
                there = tuple(f"{n.id} ({n.node_class.name})" for n, _ in saving(self._graph))
                found = f"node {note.node} ({kind})"
                may_save = node is not None and _may_save(node)
                self.found.add(
                    errors.NotASaveNode(at=at, output=note.name, found=found, save_nodes=there, may_save=may_save)
                )
                continue
            yield self._output(note, node, saves)

    def at_field(self, name: str) -> Locus:
        return self._at(f"inputs.{name}")

    def runpod(self) -> RunpodSettings:
        note = self._annotation
        for pool in note.gpu or ():
            if pool not in GPU_POOLS:
                at = self._at("runpod.gpu")
                near = nearest(pool, GPU_POOLS)
                self.found.add(errors.UnknownGpuPool(at=at, pool=pool, near=near, known=tuple(GPU_POOLS)))
        return RunpodSettings(
            gpu=note.gpu or _DEFAULT_GPU,
            container_disk_gb=note.container_disk_gb or _DEFAULT_DISK_GB,
            execution_timeout_seconds=note.execution_timeout_seconds or DEFAULT_EXECUTION_MS // 1000,
            icon=note.icon,
        )

    def _output(self, note: OutputAnnotation, node: BoundNode, saves: Saves) -> Output:
        return output_class(saves.kind)(
            name=note.name,
            title=note.title or note.name.replace("_", " ").capitalize(),
            description=plain_text(note.description or ""),
            media_type=saves.media_type,
            node_id=node.id,
            class_type=node.node_class.name,
            prefix_input=node.node_class.prefix_input,
            many=note.many,
        )

    def reach(self, note: InputAnnotation, source: Source, at: Locus) -> Iterator[Reached]:
        expression: Expression | None = None
        if source.expression is not None:
            try:
                expression = parse_expression(source.expression, note.name)
            except ExpressionError as error:
                self.found.add(errors.BadExpression(at=at, text=source.expression, problem=str(error)))
                return
        resolved = self._paths.resolve(source.path)
        if not resolved:
            near = self._paths.near(source.path)
            detail = self._paths.why_not(source.path)
            self.found.add(errors.NothingThere(at=at, path=source.path, detail=detail, near=near))
        for node, spec, name, member in resolved:
            current = node.inputs.get(name)
            link = as_link(current)
            path = f"{node.id}.{name}" + (f".{member}" if member else "")
            if link is not None:
                self.found.add(errors.InputIsLinked(at=at, path=path, origin=self._graph.locus(link.node_id)))
                continue
            if member is not None and isinstance(current, dict):
                current = current[member]
                bounds: tuple[tuple[str, InputSpec], ...] = ((path, _member_spec(spec, member, current)),)
            else:
                bounds = tuple(reached_specs(self._graph, node.id, name, spec, lambda: self._consumers))
            yield Reached(
                path=path,
                target=Target(
                    node_id=node.id,
                    class_type=node.node_class.name,
                    title=node.title,
                    input=name,
                    member=member,
                    expression=None if expression is None else expression.python,
                ),
                spec=bounds[0][1],
                bounds=bounds,
                current=current,
                expression=expression,
            )

    @cached_property
    def _consumers(self) -> Mapping[str, list[tuple[str, str, InputSpec]]]:
        return consumers_of(self._graph)

    def _at(self, key: str) -> Locus:
        return self._annotation.at(self._file, key)


def _no_limit(_reached: tuple[Reached, ...]) -> AspectLimit:
    return AspectLimit()


def _may_save(node: BoundNode) -> bool:
    """Whether a node of a pack is an output of which nothing tells what it saves."""
    return node.node_class.of_a_pack and node.node_class.output_node and node.node_class.saves is None


def _member_spec(spec: InputSpec, member: str, current: Json) -> InputSpec:
    """The spec of a member of an object-valued widget, told by the value it holds; a box's numbers are not negative."""
    kinds = {"boolean": "BOOLEAN", "integer": "INT", "number": "FLOAT", "string": "STRING"}
    minimum = spec.widget.least if spec.widget is not None else None
    return InputSpec(name=member, type=kinds.get(json_type(current), "*"), required=True, minimum=minimum)
