"""Files that a person names, read within bounds: a file's bytes, the graphs in a folder, catalogs of node packs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from comfy2runpod.catalog.carried import CATALOG_FOLDER
from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.catalog.layers import read_layer, with_layers
from comfy2runpod.catalog.object_info import MAX_ANSWER
from comfy2runpod.diagnostics import CompileError, Locus, UnreachableError
from comfy2runpod.errors.files import CannotRead, LeadsOut
from comfy2runpod.read_json import MAX_BYTES, too_large
from comfy2runpod.write import kind_of, written_by_us
from comfy2runpod_contract.texts import unbroken

LOCK_SUFFIX = ".lock.json"


def lock_path(graph: Path) -> Path:
    """Where a graph's model lock stands: `x.lock.json` beside `x.json`."""
    return graph.with_suffix(LOCK_SUFFIX)


def catalogs_in(folder: Path) -> tuple[Path, ...]:
    """The catalogs beside a folder's graphs, in the order in which they are laid over each other.

    Raises:
        CompileError: one is a link that leads out of the folder.
    """
    found = tuple(sorted((folder / CATALOG_FOLDER).glob("*.json")))
    for path in found:
        check_beside(folder, path)
    return found


def check_beside(folder: Path, path: Path) -> None:
    """Refuses a file that no person named, and that is read because it stands in a folder, if it leads out of that.

    Raises:
        CompileError: it does.
    """
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        # A cycle of links, which whoever opens it finds too.
        return
    if not inside:
        raise CompileError([LeadsOut(at=Locus(shown(path)))])


@lru_cache(maxsize=4)
def layered_catalog(files: tuple[Path, ...]) -> Catalog:
    """The core's catalog with these files over it, in order; read once for all graphs of a command.

    Raises:
        CompileError: one is not a catalog.
        UnreachableError: one cannot be read.
    """
    return layered((read_file(file, MAX_ANSWER), shown(file)) for file in files)


def layered(files: Iterable[tuple[bytes, str]]) -> Catalog:
    """The core's catalog with files over it, in order: the bytes of each, and its name for messages.

    Raises:
        CompileError: one is not a catalog.
    """
    return with_layers(load_catalog(), (read_layer(data, name) for data, name in files))


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


def read_beside(folder: Path, name: str, limit: int) -> bytes | str:
    """A file in a folder or below it, or why it was not read: it leads out of the folder, for one.

    Args:
        folder: the folder.
        name: the file's path in it, with `/`.
        limit: how large it may be, in bytes.
    """
    try:
        place, root = (folder / name).resolve(strict=True), folder.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        return (error.strerror if isinstance(error, OSError) else None) or "it leads nowhere"
    if not place.is_relative_to(root):
        return "it is a link that leads out of the graph's folder"
    try:
        return read_file(place, limit)
    except UnreachableError as error:
        return error.diagnostic.problem if isinstance(error.diagnostic, CannotRead) else "it cannot be read"
    except CompileError:
        return f"it is larger than {limit // 10**6} MB"


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


def shown(path: Path) -> str:
    """A path as messages show it: on one line, so that no name of a stranger's has one of its own."""
    return unbroken(path.as_posix())
