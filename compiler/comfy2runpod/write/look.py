"""Inspects the folder to be written, without following symbolic links in it and without changing anything."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from comfy2runpod.diagnostics import Diagnostic, Locus
from comfy2runpod.errors.files import CannotWrite, ChangedByHand, NotOurs
from comfy2runpod.write.manifest import MANIFEST, MAX_BYTES, Chosen, Manifest, read_manifest, sha256

KINDS = {"package": "a package", "site": "a site of comfy2runpod", "results": "results of a run"}


@dataclass(frozen=True, slots=True)
class Found:
    """The state of a folder, and what will be done with each of our files in it.

    Attributes:
        same: files whose content will not change.
        replaced: the sha256 of files to replace, by path.
        removed: the sha256 of files to remove, by path.
        kept: obsolete files that were changed by hand, and are not removed.
        overwritten: files in `replaced` that the user made or changed.
    """

    exists: bool
    same: frozenset[str] = frozenset()
    replaced: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    overwritten: tuple[str, ...] = ()

    def is_as_wanted(self, files: Mapping[str, bytes]) -> bool:
        """Returns whether nothing needs to be written."""
        return self.exists and self.same == files.keys() and not self.removed


def look(folder: Path, files: Mapping[str, bytes], kind: str, *, force: bool) -> Found:
    """Compares a folder with the files to write, including the manifest.

    Raises:
        Refusal: the folder is not ours, or a file to replace was changed by hand.
        OSError: the folder cannot be read.
    """
    mode = mode_of(folder)
    if mode is None:
        return Found(exists=False)
    if not stat.S_ISDIR(mode):
        raise Refusal(NotOurs(at=Locus(str(folder)), what=f"it is {kind_of(mode)}", remains=True))
    ours = _manifest(folder, kind, force=force)
    found = _compared(folder, files, ours.files)
    lost = (*found.foreign, *found.changed)
    if lost and not force:
        at = Locus(str(folder))
        raise Refusal(ChangedByHand(at=at, changed=tuple(found.changed), foreign=tuple(found.foreign)))
    return Found(
        exists=True,
        same=frozenset(found.same),
        replaced=found.replaced,
        removed=found.removed,
        kept=tuple(found.kept),
        overwritten=lost,
    )


def differing(folder: Path, files: Mapping[str, bytes]) -> tuple[list[str], list[str], list[str]]:
    """Compares a folder with the files to write, whosever it is.

    Returns:
        The paths of files that are not there, that have another content, and that the manifest lists beside them.

    Raises:
        OSError: the folder cannot be read.
    """
    digests = {path: _digest_or_none(folder, path) for path in files}
    lacking = [path for path, digest in digests.items() if digest is None]
    changed = [path for path, digest in digests.items() if digest is not None and digest != sha256(files[path])]
    listed = _listed(folder / MANIFEST) or Manifest("", {})
    obsolete = [path for path in listed.files if path not in files and _digest_or_none(folder, path) is not None]
    return lacking, changed, obsolete


def _digest_or_none(folder: Path, path: str) -> str | None:
    """The digest of what has a path; None if it is nothing, or no file in a folder."""
    try:
        return _digest_inside(folder, path)
    except Refusal:
        return None


class Refusal(Exception):
    """Nothing is written; the diagnostic says why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.reason)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class _Compared:
    same: list[str] = field(default_factory=list)
    replaced: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


def _compared(folder: Path, files: Mapping[str, bytes], ours: Mapping[str, str]) -> _Compared:
    found = _Compared()
    for path, data in files.items():
        digest = _digest_inside(folder, path)
        if digest is None:
            continue
        if digest == sha256(data):
            found.same.append(path)
            continue
        found.replaced[path] = digest
        if path != MANIFEST and digest != ours.get(path):
            (found.changed if path in ours else found.foreign).append(path)
    for path, written in ours.items():
        if path in files:
            continue
        try:
            digest = _digest_inside(folder, path)
        except Refusal:
            # A folder, or a file behind a symbolic link: we wrote neither.
            continue
        if digest == written:
            found.removed[path] = digest
        elif digest is not None:
            found.kept.append(path)
    return found


def _digest_inside(folder: Path, path: str) -> str | None:
    """Returns the digest of a file in the folder; None if it does not exist. The digest of a link matches no file.

    Raises:
        Refusal: the path is a folder, or a parent is a link or a file.
    """
    place = folder
    *way, _ = parts = path.split("/")
    for number, part in enumerate(parts):
        place /= part
        mode = mode_of(place)
        if mode is None:
            return None
        if stat.S_ISDIR(mode) != (number < len(way)):
            wanted = "a folder" if number < len(way) else "a file"
            problem = f"{kind_of(mode)} stands in the place of {wanted}"
            raise Refusal(CannotWrite(at=Locus(str(place)), problem=problem, taken=True))
    return digest_of(place)


def digest_of(place: Path) -> str:
    """Returns the sha256 of a file; for anything else, a value that no file has."""
    mode = mode_of(place)
    if mode is None or not stat.S_ISREG(mode):
        return "a link" if mode is not None and stat.S_ISLNK(mode) else "no file"
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(folder: Path, kind: str, *, force: bool) -> Manifest:
    """Reads the manifest; it is empty for an empty folder, or by force.

    Raises:
        Refusal: the folder has files, but no valid manifest.
    """
    place = folder / MANIFEST
    mode = mode_of(place)
    nothing = Manifest(kind, {})
    if mode is None:
        if force or not any(folder.iterdir()):
            return nothing
        if is_older_package(folder):
            what = "it is of a version that listed no files of its own, so nothing tells which of them are yours"
        else:
            what = f"it holds files that are not {KINDS[kind]}: there is no {MANIFEST}, which would list ours"
        raise Refusal(NotOurs(at=Locus(str(folder)), what=what))
    try:
        if not stat.S_ISREG(mode) or place.stat().st_size > MAX_BYTES:
            raise ValueError("it is no file of such a size")
        found = read_manifest(place.read_bytes())
    except ValueError as error:
        if force:
            return nothing
        raise Refusal(NotOurs(at=Locus(str(place)), what=f"this list of its files cannot be read: {error}")) from error
    if found.kind != kind:
        what = f"it is {KINDS.get(found.kind, 'another thing')}, not {KINDS[kind]}"
        raise Refusal(NotOurs(at=Locus(str(folder)), what=what, remains=True))
    return found


def written_by_us(folder: Path) -> frozenset[str]:
    """Returns the files that the manifest lists and that are unchanged; none if there is no manifest."""
    listed = _listed(folder / MANIFEST)
    if listed is None:
        return frozenset()
    try:
        return frozenset(
            name
            for name, digest in listed.files.items()
            if "/" not in name and mode_of(folder / name) is not None and digest_of(folder / name) == digest
        )
    except OSError:
        return frozenset()


def chosen_for(folder: Path) -> Chosen | None:
    """Returns the options that a package was compiled with; None if there is no manifest."""
    listed = _listed(folder / MANIFEST)
    return None if listed is None else listed.options


def _listed(place: Path) -> Manifest | None:
    """A manifest, where it is one that can be read."""
    try:
        if place.is_symlink() or not place.is_file() or place.stat().st_size > MAX_BYTES:
            return None
        return read_manifest(place.read_bytes())
    except (OSError, ValueError):
        return None


def is_older_package(folder: Path) -> bool:
    """Returns whether a folder is a package from before manifests. An API prompt alone is not enough."""
    try:
        place = folder / "handler.py"
        if not place.is_file():
            return False
        with place.open("rb") as file:
            return b"Generated by comfy2runpod" in file.read(4096)
    except OSError:
        return False


def everything(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yields every path below a folder with its status; folders before their content. Links are not followed."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        for entry in sorted(os.scandir(folder / below), key=lambda entry: entry.name):
            path = f"{below}/{entry.name}" if below else entry.name
            found = entry.stat(follow_symlinks=False)
            yield path, found
            if stat.S_ISDIR(found.st_mode):
                waiting.append(path)


def mode_of(place: Path) -> int | None:
    """Returns the mode of a path, without following links; None if it does not exist."""
    try:
        return place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def kind_of(mode: int) -> str:
    """Describes the file type of a mode."""
    kinds: tuple[tuple[Callable[[int], bool], str], ...] = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a link"),
        (stat.S_ISREG, "a file"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for is_kind, name in kinds if is_kind(mode)), "a device")


def flush_folder(folder: Path) -> None:
    """Flushes a directory to disk, if the system supports it."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some file systems do not support it.
        with suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)
