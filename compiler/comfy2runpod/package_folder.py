"""A compiled package's folder, as every command reads it: regular files inside it, through no link, within bounds.

A package may be a stranger's, and a link in it may lead to any file of this machine's. Only the folder's own path may
hold links: the user named it.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from comfy2runpod.catalog.carried import CATALOG_FOLDER
from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.object_info import MAX_ANSWER
from comfy2runpod.diagnostics import CompileError, Locus, UnreachableError
from comfy2runpod.errors.files import CannotRead, NotAPackage
from comfy2runpod.package_documents import json_object, name_in_tests
from comfy2runpod.package_paths import TESTS
from comfy2runpod.read_files import layered, shown
from comfy2runpod.read_json import MAX_BYTES, too_large
from comfy2runpod.write import kind_of
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.texts import unbroken, visible

# Below a folder of a package; one of ours has thirty.
MOST_FILES = 10_000
MOST_BYTES = 512 * 1024 * 1024
_MOST_NAMES = 10


def read_in(folder: Path, path: str, limit: int = MAX_BYTES) -> bytes | None:
    """A file of a package; None where nothing has this path.

    Args:
        folder: the package's folder.
        path: the file's path in it, with `/`.
        limit: how large it may be, in bytes.

    Raises:
        CompileError: it is a link or stands behind one, is no regular file, or is too large.
        UnreachableError: it cannot be read.
    """
    try:
        fd = _opened(folder, path)
    except OSError as error:
        problem = error.strerror or str(error)
        raise UnreachableError(CannotRead(at=Locus(shown(folder / path)), problem=problem)) from error
    if fd is None:
        return None
    with os.fdopen(fd, "rb") as file:
        mode = os.fstat(fd).st_mode
        if not stat.S_ISREG(mode):
            raise _refused(folder, path, f"it is {kind_of(mode)}")
        try:
            data = file.read(limit + 1)
        except OSError as error:
            problem = error.strerror or str(error)
            raise UnreachableError(CannotRead(at=Locus(shown(folder / path)), problem=problem)) from error
    if len(data) > limit:
        raise CompileError([too_large(shown(folder / path), len(data), limit)])
    return data


def what_stands_at(folder: Path, wanted: str) -> str:
    """What stands in a package's place, as a clause, where it has no file of that name at its top."""
    if folder.is_file():
        return (
            "it is a file, and a package is a folder; a graph is compiled first: comfy2runpod compile "
            f"{unbroken(shlex.quote(folder.as_posix()))}"
        )
    inner = sorted(unbroken(path.parent.name) for path in folder.glob(f"*/{wanted}"))
    if inner:
        return f"it is a folder of packages, of which one is to be named: {', '.join(inner[:_MOST_NAMES])}"
    if folder.is_dir():
        return f"there is no {wanted} in it"
    return "it is no folder" if os.path.lexists(folder) else "there is no such folder"


def read_object(folder: Path, path: str) -> JsonObject | None:
    """A JSON object of a package; None where nothing has this path.

    Raises:
        CompileError: it is none, or is not read (`read_in`).
        UnreachableError: it cannot be read.
    """
    data = read_in(folder, path)
    try:
        return None if data is None else json_object(data, path)
    except ValueError as error:
        raise CompileError([NotAPackage(at=Locus(shown(folder)), problem=str(error))]) from None


def files_below(folder: Path, path: str) -> Iterator[tuple[str, bytes]]:
    """The files below a folder of a package, by path in the package. Links are no files of it, and are left out.

    Raises:
        CompileError: one has a name that is no text, or there is more than a package has.
        UnreachableError: one cannot be read.
    """
    left = MOST_BYTES
    for name in _names_below(folder, path):
        data = read_in(folder, name)
        if data is not None:
            left -= len(data)
            if left < 0:
                raise _refused(folder, path, f"it holds more than {MOST_BYTES // 10**6} MB")
            yield name, data


def package_catalog(package: Path) -> Catalog:
    """The core's catalog with what a package carries of node packs: the classes in its prompt, and facts about them.

    Raises:
        CompileError: a file of the package's is not a catalog, or is a link.
        UnreachableError: one cannot be read.
    """
    names = catalogs_of(package)
    read = ((name, read_in(package, name, MAX_ANSWER)) for name in names)
    return layered((data, shown(package / name)) for name, data in read if data is not None)


def package_name(package: Path) -> str:
    """The name that a package was compiled with, which its clients have; the folder's if it does not tell its own.

    Raises:
        CompileError: the file that tells it is a link, or too large.
        UnreachableError: it cannot be read.
    """
    place = package.resolve()
    data = read_in(place, TESTS)
    return (None if data is None else name_in_tests(data)) or place.name


def catalogs_of(package: Path) -> tuple[str, ...]:
    """The files with what a package carries of node packs, as paths in it."""
    names = _names_below(package, CATALOG_FOLDER)
    return tuple(name for name in names if name.endswith(".json") and name.count("/") == 1)


def _names_below(folder: Path, path: str) -> list[str]:
    """The paths of all but folders and links below a folder of a package, in order; links are not followed."""
    found, waiting = list[str](), [path]
    try:
        while waiting:
            below = waiting.pop()
            mode = (folder / below).lstat().st_mode
            if not stat.S_ISDIR(mode):
                continue
            with os.scandir(folder / below) as entries:
                for entry in entries:
                    name = f"{below}/{entry.name}"
                    if not _is_text(entry.name):
                        raise _refused(folder, name, "its name is no text")
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(name)
                    elif not entry.is_symlink():
                        # A pipe, too: it is refused by its name when it is read.
                        found.append(name)
                    if len(found) + len(waiting) > MOST_FILES:
                        raise _refused(folder, path, f"it holds more than {MOST_FILES:,} files")
    except FileNotFoundError:
        return sorted(found)
    except OSError as error:
        problem = error.strerror or str(error)
        raise UnreachableError(CannotRead(at=Locus(shown(folder / path)), problem=problem)) from error
    return sorted(found)


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _opened(folder: Path, path: str) -> int | None:
    """A descriptor of what has a path; None where nothing has it.

    Raises:
        CompileError: a part of the path is a link.
        OSError: it cannot be opened.
    """
    *way, _ = parts = path.split("/")
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    for number, part in enumerate(parts):
        kind = os.O_DIRECTORY if number < len(way) else os.O_NONBLOCK
        try:
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | kind, dir_fd=at)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR} and _is_link(part, at):
                raise _refused(folder, "/".join(parts[: number + 1]), "it is a link, and a package has none") from None
            if isinstance(error, (FileNotFoundError, NotADirectoryError)):
                return None
            raise
        finally:
            os.close(at)
        at = inner
    return at


def _is_link(name: str, folder: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _refused(folder: Path, path: str, problem: str) -> CompileError:
    return CompileError([NotAPackage(at=Locus(shown(folder)), problem=f"{visible(path)} is not read: {problem}")])
