"""What of a package is not as its graph would be compiled now, and what of it is not as it was written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.diagnostics import CompileError, Locus, UnreachableError
from comfy2runpod.errors.build import NoPackageToBuild
from comfy2runpod.package_folder import read_in, what_stands_at
from comfy2runpod.read_files import shown
from comfy2runpod.write import MANIFEST
from comfy2runpod.write.manifest import MAX_BYTES, Manifest, read_manifest, sha256


@dataclass(frozen=True, slots=True)
class Looked:
    """A package's files: their digests as they were written, those that are missing, and those changed since."""

    written: Manifest
    missing: tuple[str, ...]
    changed: tuple[str, ...]


def look(folder: Path) -> Looked:
    """A package's folder, beside what was written into it.

    Raises:
        CompileError: it is no package that `compile` wrote, or a file of it is a link.
        UnreachableError: nothing is there, or a file in it cannot be read.
    """
    place = folder / MANIFEST
    written = read_in(folder, MANIFEST, MAX_BYTES)
    if written is None:
        found = NoPackageToBuild(at=Locus(shown(folder)), problem=what_stands_at(folder, MANIFEST))
        if not os.path.lexists(folder):
            raise UnreachableError(found)
        raise CompileError([found])
    try:
        manifest = read_manifest(written)
    except ValueError as error:
        raise CompileError([NoPackageToBuild(at=Locus(shown(place)), problem=str(error))]) from None
    missing, changed = list[str](), list[str]()
    for name, digest in sorted(manifest.files.items()):
        data = read_in(folder, name)
        if data is None:
            missing.append(name)
        elif sha256(data) != digest:
            changed.append(name)
    return Looked(manifest, tuple(missing), tuple(changed))


def drifted(written: Manifest, compiled: Iterable[tuple[str, bytes]]) -> tuple[str, ...]:
    """The files that compiling the graph now would make otherwise."""
    now = {name: sha256(data) for name, data in compiled if name != MANIFEST}
    return tuple(sorted(name for name in {*now, *written.files} if now.get(name) != written.files.get(name)))


def graph_of(folder: Path, named: str, exists: Callable[[Path], bool] = Path.is_file) -> Path | None:
    """Where a package's graph lies: beside the package, or in `graphs/` of its repository; None where it does not.

    A name with a folder in it, which the compiler writes into no manifest, leads nowhere.
    """
    if {"/", "\0"} & set(named):
        return None
    around = (folder, *list(folder.resolve().parents)[:3])
    return next((place for one in around for place in (one / named, one / "graphs" / named) if exists(place)), None)
