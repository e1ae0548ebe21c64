"""The stages in order: load -> flatten -> bind -> check -> interface -> emit. Bytes in, files out."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Collector, CompileError, Diagnostic, Locus, show
from comfy2runpod.editor import PROFILES, EditorProfile, profile_of_version
from comfy2runpod.errors.bind import EditorsDisagree
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.document import Document
from comfy2runpod.ir.flat import FlatGraph
from comfy2runpod.ir.interface import Interface
from comfy2runpod.ir.json import Json, JsonObject
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.model_lock import LockedFile, merge_lock
from comfy2runpod.read_json import parse_json
from comfy2runpod.server_check.inputs import unwrapped
from comfy2runpod.stages.annotate.annotation import read_annotation
from comfy2runpod.stages.api_prompt import ApiPrompt, as_api_prompt, bind_prompt
from comfy2runpod.stages.bind import bind
from comfy2runpod.stages.check import check, check_as_server
from comfy2runpod.stages.emit import emit
from comfy2runpod.stages.emit.verify import verify
from comfy2runpod.stages.flatten.stage import flatten
from comfy2runpod.stages.interface.packs import warn_of_packs
from comfy2runpod.stages.interface.stage import make_interface
from comfy2runpod.stages.load import document_of, load
from comfy2runpod.stages.normalize.extensions import link_by_name, refuse_changed_on_load
from comfy2runpod.stages.normalize.group_nodes.stage import unfold_groups
from comfy2runpod.stages.normalize.links import settle_links, unlink_promoted
from comfy2runpod.stages.normalize.primitives import apply_primitives
from comfy2runpod.stages.normalize.renumber import renumber
from comfy2runpod.stages.variants.bypass import Unfolded
from comfy2runpod.stages.widgets.lookup import WidgetFinder
from comfy2runpod.stages.widgets.replacements import with_widget_values


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a caller decides.

    `editor` is a profile's name, None to go by the file and then by the catalog. Nodes that call paid services are
    refused, but for the classes named in `api_nodes`, or all with `allow_api_nodes`.
    """

    editor: str | None = None
    allow_api_nodes: bool = False
    api_nodes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Converted:
    """A graph that became a prompt; `unfolded` is what further prompts of it are made from."""

    document: Document
    graph: BoundGraph
    unfolded: Unfolded
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Prompted:
    """A prompt as `POST /prompt` takes it, and the warnings on the way to it."""

    prompt: JsonObject
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class CompileResult:
    """A whole package: `files` maps a path inside it to its text or bytes."""

    interface: Interface
    files: Mapping[str, str | bytes]
    diagnostics: tuple[Diagnostic, ...]


def convert(data: bytes, file: str, catalog: Catalog, options: Options) -> Converted:
    """A saved graph's bytes -> the graph, bound and checked.

    Raises:
        CompileError: the first stage that found errors, with all that it found.
    """
    return _convert(load(data, file), catalog, options)


def prompt_of_file(data: bytes, file: str, catalog: Catalog, options: Options) -> Prompted:
    """A saved graph's bytes -> its prompt; an API prompt is checked as the server does, and given back as it is.

    Raises:
        CompileError: the first stage that found errors, with all that it found.
    """
    raw = parse_json(data, file)
    given = as_api_prompt(raw, file)
    if given is not None:
        return Prompted(given.nodes, _check_given(given, catalog, options))
    converted = _convert(document_of(raw, file), catalog, options)
    return Prompted(prompt_to_json(converted.graph.prompt()), converted.warnings)


def check_file(
    data: bytes, file: str, catalog: Catalog, options: Options, lock: tuple[LockedFile, ...] = ()
) -> tuple[Diagnostic, ...]:
    """What `compile_graph` finds in a saved graph, or the server in an API prompt: the warnings.

    Raises:
        CompileError: the first stage that found errors, with all that it found.
    """
    raw = parse_json(data, file)
    given = as_api_prompt(raw, file)
    if given is not None:
        return _check_given(given, catalog, options)
    return _compile(_convert(document_of(raw, file), catalog, options), catalog, lock).diagnostics


def _check_given(given: ApiPrompt, catalog: Catalog, options: Options) -> tuple[Diagnostic, ...]:
    return check_as_server(bind_prompt(given, catalog, allow_api_nodes=_allowed(catalog, options)), catalog)


def _convert(document: Document, catalog: Catalog, options: Options) -> Converted:
    profile, *others = candidates(document, catalog, options)
    flat, warnings = unfolded(document, catalog, profile)
    graph, more = bind(flat, catalog, profile, allow_api_nodes=_allowed(catalog, options))
    for other in others:
        compare(graph, profile, other, document, catalog, options)
    changed = Unfolded(flat, catalog, profile, _allowed(catalog, options))
    return Converted(document, graph, changed, (*warnings, *more, *check(graph, catalog)))


def to_prompt(
    document: Document, catalog: Catalog, profile: EditorProfile, options: Options, *, new_ids: bool = True
) -> tuple[BoundGraph, tuple[Diagnostic, ...]]:
    """A document -> its prompt by the rules of one editor, unchecked; and warnings.

    Without `new_ids`, nodes that an editor unpacks from group nodes keep ids that do not depend on the editor.
    """
    flat, warnings = unfolded(document, catalog, profile, new_ids=new_ids)
    graph, more = bind(flat, catalog, profile, allow_api_nodes=_allowed(catalog, options))
    return graph, (*warnings, *more)


def unfolded(
    document: Document, catalog: Catalog, profile: EditorProfile, *, new_ids: bool = True
) -> tuple[FlatGraph, tuple[Diagnostic, ...]]:
    """A document -> the nodes that run by the rules of one editor; and warnings."""
    refuse_changed_on_load(document, catalog)
    unique = renumber(document, root_too=profile.table_decides)
    if profile.table_decides:
        unique = settle_links(unique)
    if profile.instance_keeps_values:
        unique = unlink_promoted(unique)
    unique = link_by_name(unique)
    find = WidgetFinder(unique, catalog, profile)
    written = apply_primitives(unique, catalog, profile, lambda text: with_widget_values(text, find))
    groupless, of_groups = unfold_groups(written, catalog, profile, new_ids=new_ids)
    flat, warnings = flatten(groupless, catalog, profile)
    return flat, (*of_groups, *warnings)


def compare(
    graph: BoundGraph,
    profile: EditorProfile,
    other: EditorProfile,
    document: Document,
    catalog: Catalog,
    options: Options,
) -> None:
    """Makes sure that another editor would queue the same prompt.

    Raises:
        CompileError: it would not; every input that differs is named.
    """
    try:
        second = to_prompt(document, catalog, other, options, new_ids=False)[0].nodes
    except CompileError:
        # It is no graph for that editor: the file is not its.
        return
    found = Collector()
    for node_id, node in graph.nodes.items():
        theirs = second[node_id].inputs if node_id in second else {}
        if theirs == node.inputs:
            continue
        for name in {**node.inputs, **theirs}:
            if unwrapped(node.inputs.get(name)) != unwrapped(theirs.get(name)):
                at = Locus(document.file, node_id, node.title, node.node_class.name, name, node.json_path)
                found.add(
                    EditorsDisagree(
                        at=at,
                        first=profile.name,
                        first_value=_quoted(node.inputs, name),
                        second=other.name,
                        second_value=_quoted(theirs, name),
                        version=document.frontend_version,
                    )
                )
    found.finish()


def _quoted(inputs: Mapping[str, Json], name: str) -> str:
    return show(inputs[name]) if name in inputs else "nothing"


def compile_graph(
    data: bytes, file: str, catalog: Catalog, options: Options, lock: tuple[LockedFile, ...] = ()
) -> CompileResult:
    """A saved graph's bytes -> a complete endpoint package.

    Args:
        data: the graph file's bytes.
        file: its name, for messages and for the package's banner.
        catalog: the node classes of the ComfyUI to compile for.
        options: what the caller decides.
        lock: what `comfy2runpod lock` found out about the model files.

    Raises:
        CompileError: the first stage that found errors, with all that it found.
    """
    return _compile(convert(data, file, catalog, options), catalog, lock)


def _compile(converted: Converted, catalog: Catalog, lock: tuple[LockedFile, ...]) -> CompileResult:
    annotation = read_annotation(converted.document)
    interface, warnings = make_interface(converted.document, converted.graph, annotation, catalog, converted.unfolded)
    interface = merge_lock(interface, lock)
    files = emit(interface, converted.graph.prompt())
    verify(files)
    packs = Collector()
    warn_of_packs(converted.document, converted.graph, catalog, packs)
    return CompileResult(interface, files, (*converted.warnings, *warnings, *packs.finish()))


def _allowed(catalog: Catalog, options: Options) -> Container[str]:
    return catalog if options.allow_api_nodes else options.api_nodes


def lock_path(graph: Path) -> Path:
    """Where a graph's model lock stands: `x.lock.json` beside `x.json`."""
    return graph.with_suffix(".lock.json")


def candidates(document: Document, catalog: Catalog, options: Options) -> tuple[EditorProfile, ...]:
    """The editor whose rules count: the option's, else the one that saved the file, else the catalog's own.

    In the last case nothing decides, and the others stand behind it: they must come to the same prompt.
    """
    if options.editor is not None:
        return (PROFILES[options.editor],)
    saved_by = profile_of_version(document.frontend_version)
    if saved_by is not None:
        return (saved_by,)
    own = PROFILES[catalog.editor]
    return (own, *(profile for profile in PROFILES.values() if profile is not own))
