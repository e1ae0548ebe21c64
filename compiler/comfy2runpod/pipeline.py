"""The stages in order: load -> flatten -> bind -> check -> interface -> emit. Pure: bytes in, texts out."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.annotation import read_annotation
from comfy2runpod.bind import EditorChoice, bind
from comfy2runpod.catalog import Catalog
from comfy2runpod.check import check
from comfy2runpod.diagnostics import Collector, Diagnostic
from comfy2runpod.editor import PROFILES, profile_of_version
from comfy2runpod.emit import emit
from comfy2runpod.flatten import flatten
from comfy2runpod.interface import make_interface
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.document import Document
from comfy2runpod.ir.interface import Interface
from comfy2runpod.load import load
from comfy2runpod.packs import warn_of_packs
from comfy2runpod.weights import LockedFile, merge_lock


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
    """A graph that became a prompt."""

    document: Document
    graph: BoundGraph
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class CompileResult:
    """A whole package: `files` maps a path inside it to its text."""

    interface: Interface
    files: Mapping[str, str]
    diagnostics: tuple[Diagnostic, ...]


def convert(data: bytes, file: str, catalog: Catalog, options: Options) -> Converted:
    """A saved graph's bytes -> the graph, bound and checked.

    Raises:
        CompileError: the first stage that found errors, with all that it found.
    """
    document = load(data, file)
    editor = choose_editor(document, catalog, options)
    flat, warnings = flatten(document, catalog, editor.profile)
    graph, more = bind(flat, catalog, editor, allow_api_nodes=_allowed(catalog, options))
    return Converted(document, graph, (*warnings, *more, *check(graph, catalog)))


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
    converted = convert(data, file, catalog, options)
    annotation = read_annotation(converted.document)
    interface, warnings = make_interface(converted.document, converted.graph, annotation, catalog)
    interface = merge_lock(interface, lock)
    files = emit(interface, converted.graph.prompt())
    packs = Collector()
    warn_of_packs(converted.document, converted.graph, catalog, packs)
    return CompileResult(interface, files, (*converted.warnings, *warnings, *packs.finish()))


def _allowed(catalog: Catalog, options: Options) -> Container[str]:
    return catalog if options.allow_api_nodes else options.api_nodes


def lock_path(graph: Path) -> Path:
    """Where a graph's model lock stands: `x.lock.json` beside `x.json`."""
    return graph.with_suffix(".lock.json")


def choose_editor(document: Document, catalog: Catalog, options: Options) -> EditorChoice:
    """The option's profile, else that of the editor that saved the file, else the catalog's own."""
    version = document.frontend_version
    if options.editor is not None:
        return EditorChoice(PROFILES[options.editor], decided=True, file_version=version)
    saved_by = profile_of_version(version)
    if saved_by is not None:
        return EditorChoice(saved_by, decided=True, file_version=version)
    return EditorChoice(PROFILES[catalog.editor], decided=False, file_version=version)
