"""What every command that reads graphs shares: its options, and how files are read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path

import click

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.catalog.layers import read_layer, with_layers
from comfy2runpod.catalog.object_info import MAX_ANSWER
from comfy2runpod.cli.report import Command, Reporter
from comfy2runpod.diagnostics import CompileError, Diagnostic, Locus, UnreachableError, did_you_mean, nearest
from comfy2runpod.editor import PROFILES
from comfy2runpod.errors.files import CannotRead, NoGraphs
from comfy2runpod.model_lock import LockedFile, read_lock
from comfy2runpod.pipeline import Options, lock_path
from comfy2runpod.read_json import MAX_BYTES, too_large
from comfy2runpod.write import kind_of, written_by_us

# Beside a graph: catalogs of the node packs that the graphs in its folder use, laid over each other by name.
CATALOG_FOLDER = "catalog"
LOCK_SUFFIX = ".lock.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a command that reads graphs."""

    options: Options
    catalogs: tuple[Path, ...]

    def catalog(self, graph: Path) -> Catalog:
        """The classes to compile a graph with: the core's, those in `catalog/` beside it, and those of --catalog."""
        beside = sorted((graph.parent / CATALOG_FOLDER).glob("*.json"))
        catalog = layered_catalog((*beside, *self.catalogs))
        _check_names(self.options.api_nodes, catalog)
        return catalog


@lru_cache(maxsize=4)
def layered_catalog(files: tuple[Path, ...]) -> Catalog:
    """The core's catalog with these files over it, in order.

    Raises:
        CompileError: one is not a catalog.
        UnreachableError: one cannot be read.
    """
    return with_layers(load_catalog(), (read_layer(read_file(file, MAX_ANSWER), shown(file)) for file in files))


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


def graphs_in(folder: Path) -> tuple[Path, ...]:
    """The graphs directly in a folder, without files that our commands wrote there, such as a run's answer."""
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".json" and path.is_file())
    except OSError as error:
        raise UnreachableError(CannotRead(at=Locus(shown(folder)), problem=error.strerror or str(error))) from error
    ours = written_by_us(folder)
    return tuple(
        path
        for path in files
        if not path.name.startswith(".") and not path.name.endswith(LOCK_SUFFIX) and path.name not in ours
    )


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
    @catalog_option
    @wraps(command)
    def with_settings(
        *,
        editor: str | None,
        allow_api_nodes: bool,
        api_nodes: tuple[str, ...],
        catalogs: tuple[Path, ...],
        **rest: object,
    ) -> None:
        options = Options(editor=editor, allow_api_nodes=allow_api_nodes, api_nodes=frozenset(api_nodes))
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


def read_file(path: Path, limit: int = MAX_BYTES, *, streams: bool = False) -> bytes:
    """A file's bytes.

    Args:
        path: the file.
        limit: how large it may be, in bytes.
        streams: whether it may be a pipe or a device, which may have no end: only where a person names the file.

    Raises:
        CompileError: it is larger than `limit` bytes; it was not read.
        UnreachableError: it cannot be read, or is no regular file.
    """
    try:
        # Opening a pipe would wait for its writer; what is opened is looked at, not what had the name before.
        with open(path, "rb", opener=None if streams else _open_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not (streams or stat.S_ISREG(mode)):
                problem = f"it is {kind_of(mode)}"
                raise UnreachableError(CannotRead(at=Locus(shown(path)), problem=problem, is_special=True))
            # Not by its size: pipes and devices have none.
            data = file.read(limit + 1)
    except ValueError as error:
        # A NUL in the name.
        raise UnreachableError(CannotRead(at=Locus(shown(path)), problem=str(error))) from None
    except OSError as error:
        raise UnreachableError(_unreadable(path, error)) from error
    if len(data) > limit:
        raise CompileError([too_large(shown(path), len(data), limit)])
    return data


def _open_at_once(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK)


def _unreadable(path: Path, error: OSError) -> CannotRead:
    problem, inside = error.strerror or str(error), list[Path]()
    if isinstance(error, IsADirectoryError):
        with suppress(UnreachableError):
            inside = list(graphs_in(path))
    is_folder = isinstance(error, IsADirectoryError)
    names = tuple(shown(one) for one in inside[:1])
    return CannotRead(at=Locus(shown(path)), problem=problem, is_folder=is_folder, inside=names)


def read_graph(path: Path, reporter: Reporter) -> bytes:
    """A graph's bytes, which the reporter keeps to compute line numbers."""
    # One that was found in a folder is a regular file (`graphs_in`).
    data = reporter.sources[shown(path)] = read_file(path, streams=True)
    return data


def lock_of(graph: Path) -> tuple[LockedFile, ...]:
    """The lock of a graph, if `lock` has been run for it."""
    path = lock_path(graph)
    # If the graph's name is too long for another suffix, there is no lock.
    return read_lock(read_file(path), shown(path)) if os.path.lexists(path) else ()


def shown(path: Path) -> str:
    """A path as messages show it."""
    return path.as_posix()
