"""The packages that the local server runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.files import CannotRun, NotAPackage
from comfy2runpod.package_documents import OpenApi, Tests, read_document
from comfy2runpod.package_folder import catalogs_of, package_name, read_in
from comfy2runpod.package_paths import OPENAPI, TESTS
from comfy2runpod.quoting import plain
from comfy2runpod_contract.limits import DEFAULT_EXECUTION_MS


@dataclass(frozen=True, slots=True)
class Package:
    """A compiled package on disk. `name` is in its URL; `catalogs` are its files with what it carries of node packs."""

    folder: Path
    name: str
    title: str
    description: str
    execution_seconds: float
    catalogs: tuple[str, ...] = ()


def read_package(folder: Path, name: str | None = None) -> Package:
    """Reads a package.

    Args:
        folder: the package's folder.
        name: its name in the URL; None for the one that it was compiled with.

    Raises:
        CompileError: it is not a compiled package, or a document of it is none, or is a link.
    """
    place = folder.resolve()
    if read_in(place, "handler.py") is None:
        raise CompileError([CannotRun(at=Locus(folder.as_posix()), problem="there is no handler.py in it")])
    data = read_in(place, OPENAPI)
    if data is None:
        raise CompileError([CannotRun(at=Locus(folder.as_posix()), problem=f"there is no {OPENAPI} in it")])
    try:
        info = read_document(OpenApi, data, OPENAPI).info
    except ValueError as error:
        raise CompileError([NotAPackage(at=Locus(folder.as_posix()), problem=str(error))]) from None
    seconds = _execution_seconds(read_in(place, TESTS))
    own = name or package_name(place)
    return Package(place, own, info.title, plain(info.description), seconds, catalogs_of(place))


def _execution_seconds(tests: bytes | None) -> float:
    """How long a job may take, as the package's tests tell RunPod; the default where they do not tell it."""
    try:
        told = None if tests is None else read_document(Tests, tests, TESTS).tests[0].timeout
    except ValueError:
        told = None
    return (told or DEFAULT_EXECUTION_MS) / 1000
