"""What every command that reads graphs shares: its options, and how files are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click

from comfy2runpod.catalog import Catalog, load_catalog
from comfy2runpod.cli.exits import UnreachableError
from comfy2runpod.cli.report import Reporter
from comfy2runpod.diagnostics import CompileError, Locus, did_you_mean, nearest
from comfy2runpod.editor import PROFILES
from comfy2runpod.errors.files import CannotRead
from comfy2runpod.load import MAX_BYTES, too_large
from comfy2runpod.pipeline import Options, lock_path
from comfy2runpod.weights import LockedFile, read_lock


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a command that reads graphs."""

    options: Options

    def catalog(self, graph: Path) -> Catalog:  # noqa: ARG002
        """The node classes to compile a graph for."""
        return load_catalog()


def graphs_argument(command: Callable[..., None]) -> Callable[..., None]:
    """One or more graphs."""
    return click.argument("graphs", nargs=-1, required=True, type=click.Path(path_type=Path))(command)


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
    @wraps(command)
    def with_settings(*, editor: str | None, allow_api_nodes: bool, api_nodes: tuple[str, ...], **rest: object) -> None:
        options = Options(editor=editor, allow_api_nodes=allow_api_nodes, api_nodes=frozenset(api_nodes))
        settings = Settings(options)
        _check_names(api_nodes, load_catalog())
        command(settings=settings, **rest)

    return with_settings


def _check_names(api_nodes: tuple[str, ...], catalog: Catalog) -> None:
    """A misspelt name would allow nothing, without a word."""
    for name in api_nodes:
        known = catalog.get(name)
        if known is None or not known.api_node:
            paid = [other for other in catalog if (spec := catalog.get(other)) is not None and spec.api_node]
            near = did_you_mean(nearest(name, paid))
            raise click.BadParameter(
                f"{name} is not a class that calls a paid service. {near}".rstrip(), param_hint="--allow-api-node"
            )


def read_file(path: Path, limit: int = MAX_BYTES) -> bytes:
    """A file's bytes.

    Raises:
        CompileError: it is larger than `limit` bytes; it was not read.
        UnreachableError: it cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > limit:
            raise CompileError([too_large(shown(path), size)])
        return path.read_bytes()
    except OSError as error:
        raise UnreachableError(CannotRead(at=Locus(shown(path)), problem=error.strerror or str(error))) from error


def read_graph(path: Path, reporter: Reporter) -> bytes:
    """A graph's bytes; the reporter keeps them, to tell lines."""
    data = reporter.sources[shown(path)] = read_file(path)
    return data


def lock_of(graph: Path) -> tuple[LockedFile, ...]:
    """What `lock` found out, if it has been run for the graph."""
    path = lock_path(graph)
    return read_lock(read_file(path).decode("utf-8", "replace"), shown(path)) if path.exists() else ()


def shown(path: Path) -> str:
    """A path as messages give it."""
    return path.as_posix()
