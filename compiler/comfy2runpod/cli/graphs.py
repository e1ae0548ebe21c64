"""What every command that reads graphs shares: its options, and which files are meant."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click

from comfy2runpod.catalog.carried import CATALOG_FOLDER
from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.cli.report import Command, Reporter
from comfy2runpod.diagnostics import CompileError, Diagnostic, Locus, did_you_mean, nearest
from comfy2runpod.editor import PROFILES
from comfy2runpod.errors.files import NoGraphs
from comfy2runpod.model_lock import LockedFile, read_lock
from comfy2runpod.pipeline import Options, files_beside
from comfy2runpod.read_files import (
    catalogs_in,
    check_beside,
    graphs_in,
    layered_catalog,
    lock_path,
    read_beside,
    read_file,
    shown,
)
from comfy2runpod.stages.interface.image_files import MOST_BYTES
from comfy2runpod_contract.model_urls import hub_address


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a command that reads graphs."""

    options: Options
    catalogs: tuple[Path, ...]

    def catalog(self, graph: Path) -> Catalog:
        """The classes to compile a graph with: the core's, those in `catalog/` beside it, and those of --catalog."""
        catalog = layered_catalog((*catalogs_in(graph.parent), *self.catalogs))
        _check_names(self.options.api_nodes, catalog)
        return catalog


def catalog_option(command: Command) -> Command:
    """--catalog of every command that knows node classes."""
    return click.option(
        "--catalog", "catalogs", multiple=True, type=click.Path(path_type=Path, dir_okay=False),
        help=f"A catalog of node packs' classes, beside those in {CATALOG_FOLDER}/ next to a graph. Repeatable.",
    )(command)  # fmt: skip


def graphs_argument(command: Callable[..., None]) -> Callable[..., None]:
    """One or more graphs, or folders of graphs."""
    return click.argument("graphs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="GRAPHS...")(
        command
    )


def graph_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The graphs that are named, and those in named folders: every .json but locks and our files, by name; each once.

    Raises:
        CompileError: folders hold none.
        UnreachableError: one cannot be read.
    """
    found, empty = dict[Path, None](), list[Diagnostic]()
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a name is too long
            found[path] = None
            continue
        graphs = graphs_in(path)
        found |= dict.fromkeys(graphs)
        if not graphs:
            empty.append(NoGraphs(at=Locus(shown(path))))
    if empty:
        raise CompileError(empty)
    return tuple(found)


def graph_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that reads graphs; the command gets them as `settings`."""

    @click.option(
        "--editor",
        type=click.Choice(sorted(PROFILES)),
        help="Which editor's rules to follow. Default: the one that saved the file, else the one ComfyUI ships.",
    )
    @click.option("--allow-api-nodes", is_flag=True, help="Accept all nodes that call paid services.")
    @click.option(
        "--allow-api-node", "api_nodes", metavar="CLASS", multiple=True,
        help="Accept nodes of this class, which calls a paid service. Repeatable.",
    )  # fmt: skip
    @click.option(
        "--allow-image-additions", is_flag=True,
        help="Accept files and packages that a graph's note puts into the image.",
    )  # fmt: skip
    @catalog_option
    @wraps(command)
    def with_settings(
        *,
        editor: str | None,
        allow_api_nodes: bool,
        api_nodes: tuple[str, ...],
        allow_image_additions: bool,
        catalogs: tuple[Path, ...],
        **rest: object,
    ) -> None:
        options = Options(
            editor=editor,
            allow_api_nodes=allow_api_nodes,
            api_nodes=frozenset(api_nodes),
            allow_image_additions=allow_image_additions,
            hub=hub_address(os.environ),
        )
        command(settings=Settings(options, catalogs), **rest)

    return with_settings


def _check_names(api_nodes: frozenset[str], catalog: Catalog) -> None:
    """Refuses misspelt names, which would silently allow nothing."""
    for name in sorted(api_nodes):
        known = catalog.get(name)
        if known is None or not known.api_node:
            paid = [other for other in catalog if (spec := catalog.get(other)) is not None and spec.api_node]
            near = did_you_mean(nearest(name, paid))
            raise click.BadParameter(
                f"{name} is not a class that calls a paid service. {near}".rstrip(), param_hint="--allow-api-node"
            )


def read_graph(path: Path, reporter: Reporter, *, streams: bool = True) -> bytes:
    """A graph's bytes, which the reporter keeps to compute line numbers; `streams` as of `read_file`."""
    # One that was found in a folder is a regular file (`graphs_in`).
    data = reporter.sources[shown(path)] = read_file(path, streams=streams)
    return data


def picture_of(graph: Path) -> bytes | None:
    """The picture beside a graph, for its package's README: `x.png` or `x.jpg` beside `x.json`."""
    for ending in (".png", ".jpg", ".jpeg"):
        path = graph.with_suffix(ending)
        if os.path.lexists(path):
            check_beside(graph.parent, path)
            # Too large a one is told as a warning of the package.
            return read_file(path)
    return None


def files_of(graph: Path, data: bytes, options: Options) -> dict[str, bytes | str]:
    """The files beside a graph that its note takes into the image, or why one was not read; none unasked."""
    if not options.allow_image_additions:
        return {}
    # Most graphs name none, and are not read twice to find that out; an escape may spell the word.
    if b"files" not in data and b"\\u00" not in data:
        return {}
    found, size = dict[str, bytes | str](), 0
    for name in files_beside(data, shown(graph)):
        full = size > MOST_BYTES
        found[name] = "those before it are too large" if full else read_beside(graph.parent, name, MOST_BYTES)
        size += len(found[name])
    return found


def lock_of(graph: Path) -> tuple[LockedFile, ...]:
    """The lock of a graph, if `lock` has been run for it."""
    path = lock_path(graph)
    # If the graph's name is too long for another suffix, there is no lock.
    if not os.path.lexists(path):
        return ()
    check_beside(graph.parent, path)
    return read_lock(read_file(path), shown(path), hub_address(os.environ))
