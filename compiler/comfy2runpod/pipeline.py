"""The stages in order, bytes in and files out.

load -> normalize -> flatten -> bind -> check -> annotate -> interface -> variants -> emit
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from comfy2runpod.catalog.carried import carried_catalogs
from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.diagnostics import Collector, CompileError, Diagnostic, Locus, show
from comfy2runpod.editor import PROFILES, EditorProfile, profile_of_version
from comfy2runpod.errors.bind import EditorsDisagree
from comfy2runpod.errors.files import PictureLeftOut
from comfy2runpod.ir.bound import BoundGraph, BoundNode
from comfy2runpod.ir.document import Document
from comfy2runpod.ir.flat import Exposed, FlatGraph
from comfy2runpod.ir.interface import Interface, Variant
from comfy2runpod.ir.omitted import Omission, Without
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.model_lock import LockedFile, merge_lock
from comfy2runpod.read_json import FileBytes, parse_json
from comfy2runpod.server_check.inputs import unwrapped
from comfy2runpod.stages.annotate.annotation import read_annotation
from comfy2runpod.stages.api_prompt import ApiPrompt, as_api_prompt, bind_prompt
from comfy2runpod.stages.bind import bind, bound_otherwise
from comfy2runpod.stages.check import check, check_as_server
from comfy2runpod.stages.emit import emit
from comfy2runpod.stages.emit.picture import Picture, PictureRefused, readme_picture
from comfy2runpod.stages.emit.pinned_packages import check_packages
from comfy2runpod.stages.emit.verify import verify
from comfy2runpod.stages.flatten.stage import flatten
from comfy2runpod.stages.interface.packs import warn_of_packs
from comfy2runpod.stages.interface.stage import make_interface
from comfy2runpod.stages.load import document_of, load
from comfy2runpod.stages.normalize.stage import normalize
from comfy2runpod.stages.variants.bypass import with_bypassed
from comfy2runpod.stages.variants.stage import find_omissions, make_variants
from comfy2runpod.stages.widgets.lookup import WidgetFinder
from comfy2runpod_contract.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a caller decides.

    `editor` is a profile's name, None to go by the file and then by the catalog. Nodes that call paid services are
    refused, but for the classes named in `api_nodes`, or all with `allow_api_nodes`. So are files, Python packages and
    Debian packages that the note, or facts beside the graph, put into the image, unless `allow_image_additions`: they
    are code on the worker, and the graph may be a stranger's. `hub` is the address of the user's own hub, from which
    models come wherever it is.

    Raises:
        ValueError: no profile has the name.
    """

    editor: str | None = None
    allow_api_nodes: bool = False
    api_nodes: frozenset[str] = frozenset()
    allow_image_additions: bool = False
    hub: str | None = None

    def __post_init__(self) -> None:
        if self.editor is not None and self.editor not in PROFILES:
            raise ValueError(f"no editor {self.editor!r} is known; expected {' or '.join(map(repr, PROFILES))}")


_DEFAULTS = Options()
_NONE: Mapping[str, bytes | str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Converted:
    """A graph that became a prompt.

    `normal` is the graph as the editor has it before it makes the prompt, `exposed` what its subgraphs show on their
    instances, `graph` the nodes that run.
    """

    normal: Document
    exposed: tuple[Exposed, ...]
    graph: BoundGraph
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Prompted:
    """A prompt as `POST /prompt` takes it, and the warnings on the way to it."""

    prompt: JsonObject
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class CompileResult:
    """A whole package: `files` maps a path inside it to its text or bytes, and cannot be changed.

    `variants` says what becomes of the prompt without optional images.
    """

    interface: Interface
    variants: tuple[Variant, ...]
    files: Mapping[str, str | bytes]
    diagnostics: tuple[Diagnostic, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", MappingProxyType({**self.files}))

    def __reduce__(self) -> tuple[type[CompileResult], tuple[object, ...]]:
        # A read-only mapping cannot be pickled, and a process that compiles for another sends its result so.
        return type(self), (self.interface, self.variants, {**self.files}, self.diagnostics)


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
    data: FileBytes,
    file: str,
    catalog: Catalog,
    options: Options = _DEFAULTS,
    lock: tuple[LockedFile, ...] = (),
    *,
    files: Mapping[str, bytes | str] = _NONE,
) -> tuple[Diagnostic, ...]:
    """What `compile_graph` finds in a saved graph, or the server in an API prompt.

    Args:
        data: the file's bytes.
        file: its name, for messages.
        catalog: the node classes of the ComfyUI to check for.
        options: what the caller decides.
        lock: what `comfy2runpod lock` found out about the model files.
        files: as of `compile_graph`.

    Returns:
        The warnings.

    Raises:
        CompileError: the first stage that found errors, with all that it found.
        TypeError: `data` is not bytes.
    """
    raw = parse_json(data, file)
    given = as_api_prompt(raw, file)
    if given is not None:
        return _check_given(given, catalog, options)
    return _compile(document_of(raw, file), catalog, options, lock, files).diagnostics


def _check_given(given: ApiPrompt, catalog: Catalog, options: Options) -> tuple[Diagnostic, ...]:
    return check_as_server(bind_prompt(given, catalog, allow_api_nodes=_allowed(catalog, options)), catalog)


def _convert(document: Document, catalog: Catalog, options: Options) -> Converted:
    profile, *others = candidates(document, catalog, options)
    flattened = _flattened(document, catalog, profile)
    converted = _bound(flattened, catalog, profile, options)
    for other in others:
        compare(converted.graph, flattened.flat, profile, other, document, catalog, options)
    return replace(converted, warnings=(*converted.warnings, *check(converted.graph, catalog)))


def convert_by(document: Document, catalog: Catalog, profile: EditorProfile, options: Options) -> Converted:
    """A document -> its prompt by the rules of one editor, unchecked.

    Raises:
        CompileError: the first stage that found errors, with all that it found.
    """
    return _bound(_flattened(document, catalog, profile), catalog, profile, options)


@dataclass(frozen=True, slots=True)
class _Flattened:
    """A graph as one editor has it before its values are bound, and the warnings on the way."""

    normal: Document
    flat: FlatGraph
    warnings: tuple[Diagnostic, ...]


def _flattened(document: Document, catalog: Catalog, profile: EditorProfile, *, new_ids: bool = True) -> _Flattened:
    """Without `new_ids`, nodes that an editor unpacks from group nodes keep ids that do not depend on the editor."""
    normal, of_normalizing = normalize(document, catalog, profile, new_ids=new_ids)
    flat, of_flattening = flatten(normal, catalog, profile)
    return _Flattened(normal, flat, (*of_normalizing, *of_flattening))


def _bound(made: _Flattened, catalog: Catalog, profile: EditorProfile, options: Options) -> Converted:
    widget = WidgetFinder(made.normal, catalog, profile)
    graph, of_binding = bind(made.flat, catalog, profile, widget, allow_api_nodes=_allowed(catalog, options))
    return Converted(made.normal, made.flat.exposed, graph, (*made.warnings, *of_binding))


def compare(
    graph: BoundGraph,
    flat: FlatGraph,
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
        second = _nodes_by_other(graph, flat, other, document, catalog, options)
    except CompileError:
        # It is no graph for that editor: the file is not its.
        return
    found = Collector()
    for node_id, node in graph.nodes.items():
        theirs = second[node_id].inputs if node_id in second else {}
        if theirs is node.inputs or theirs == node.inputs:
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


def _nodes_by_other(
    graph: BoundGraph, flat: FlatGraph, other: EditorProfile, document: Document, catalog: Catalog, options: Options
) -> Mapping[str, BoundNode]:
    """The nodes as another editor binds them; those that it binds alike in any case are taken from the first's."""
    made = _flattened(document, catalog, other, new_ids=False)
    otherwise = bound_otherwise(flat, made.flat, catalog)
    if not otherwise:
        return graph.nodes
    widget = WidgetFinder(made.normal, catalog, other)
    changed, _ = bind(made.flat, catalog, other, widget, allow_api_nodes=_allowed(catalog, options), nodes=otherwise)
    return {**{node_id: graph.nodes[node_id] for node_id in made.flat.nodes if node_id in graph.nodes}, **changed.nodes}


def _quoted(inputs: Mapping[str, Json], name: str) -> str:
    return show(inputs[name]) if name in inputs else "nothing"


def compile_graph(
    data: FileBytes,
    file: str,
    catalog: Catalog,
    options: Options = _DEFAULTS,
    lock: tuple[LockedFile, ...] = (),
    *,
    picture: bytes | None = None,
    files: Mapping[str, bytes | str] = _NONE,
) -> CompileResult:
    """A saved graph's bytes -> a complete endpoint package.

    Args:
        data: the graph file's bytes.
        file: its name, for messages and for the package's banner.
        catalog: the node classes of the ComfyUI to compile for.
        options: what the caller decides.
        lock: what `comfy2runpod lock` found out about the model files.
        picture: a PNG or JPEG file for the package's README; what a README cannot show is left out, with a warning.
        files: of the files that the note takes into the image (`files_beside`), by path beside the graph, the bytes, or
            why one was not read.

    Raises:
        CompileError: the first stage that found errors, with all that it found.
        TypeError: `data` is not bytes.
    """
    return _compile(load(data, file), catalog, options, lock, files, picture, hashlib.sha256(data).hexdigest())


def files_beside(data: FileBytes, file: str) -> tuple[str, ...]:
    """The paths of the files beside a graph that its note takes into the image.

    Args:
        data: the graph file's bytes.
        file: its name.

    Returns:
        Paths in the graph's folder, sorted; none where `compile_graph` refuses the file before it asks for one.

    Raises:
        TypeError: `data` is not bytes.
    """
    try:
        return tuple(sorted({name for _, name in read_annotation(load(data, file)).files}))
    except CompileError:
        return ()


def _compile(
    document: Document,
    catalog: Catalog,
    options: Options,
    lock: tuple[LockedFile, ...],
    files: Mapping[str, bytes | str],
    picture: bytes | None = None,
    sha256: str | None = None,
) -> CompileResult:
    converted = _convert(document, catalog, options)
    annotation = read_annotation(document)
    interface, of_interface = make_interface(
        converted.graph,
        converted.exposed,
        annotation,
        catalog,
        files,
        options.hub,
        allow_additions=options.allow_image_additions,
    )
    check_packages(interface.image, interface.comfyui_version, annotation, document.file)
    omissions = find_omissions(converted.normal, converted.graph, interface, annotation)
    profile = candidates(document, catalog, options)[0]
    without = [_without(item, converted.normal, catalog, profile, options) for item in omissions]
    variants = make_variants(converted.graph, interface, annotation, without)
    interface = replace(merge_lock(interface, lock), source_sha256=sha256)
    prompt = converted.graph.prompt()
    used = carried_catalogs(catalog, (node.class_type for node in prompt.values()))
    shown, of_picture = _picture(picture, document.file)
    package = emit(interface, prompt, variants, used, shown)
    verify(package)
    of_packs = warn_of_packs(document, converted.graph, catalog)
    found = (*converted.warnings, *annotation.warnings, *of_interface, *of_packs, *of_picture)
    return CompileResult(interface, variants, package, found)


def _picture(data: bytes | None, file: str) -> tuple[Picture | None, tuple[Diagnostic, ...]]:
    try:
        return (None if data is None else readme_picture(data)), ()
    except PictureRefused as refused:
        return None, (PictureLeftOut(at=Locus(file), problem=str(refused)),)


def _without(
    omission: Omission, normal: Document, catalog: Catalog, profile: EditorProfile, options: Options
) -> Without:
    """The graph with the omission's nodes bypassed: made as the whole graph is, and checked as it is."""
    try:
        # Warnings of nodes that still run inside a bypassed instance: what nothing needs is taken out afterwards.
        bypassed = with_bypassed(normal, omission.bypassed)
        flat, _ = flatten(bypassed, catalog, profile)
        graph = _bound(_Flattened(bypassed, flat, ()), catalog, profile, options).graph
    except CompileError as error:
        return Without(omission.fields, None, error.diagnostics)
    try:
        check(graph, catalog)
    except CompileError as error:
        return Without(omission.fields, graph, error.diagnostics)
    return Without(omission.fields, graph)


def _allowed(catalog: Catalog, options: Options) -> Container[str]:
    return catalog if options.allow_api_nodes else options.api_nodes


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
