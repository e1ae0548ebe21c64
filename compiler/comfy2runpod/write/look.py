"""What stands where files are to go, told without following a link inside it and without changing anything."""

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
from comfy2runpod.write.manifest import MANIFEST, MAX_BYTES, Manifest, read_manifest, sha256

KINDS = {"package": "a package", "site": "a site of comfy2runpod", "results": "results of a run"}


@dataclass(frozen=True, slots=True)
class Found:
    """A folder as it is, and what becomes of each file of ours that is there.

    `same` are those that would be written just as they are, `replaced` and `removed` those that go (path to the sha256
    that was seen), `kept` those that are made no longer, and stay because they were changed by hand; `overwritten` are
    those of `replaced` that are lost by it.
    """

    exists: bool
    same: frozenset[str] = frozenset()
    replaced: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    overwritten: tuple[str, ...] = ()

    def is_as_wanted(self, files: Mapping[str, bytes]) -> bool:
        """Whether there is nothing to do."""
        return self.exists and self.same == files.keys() and not self.removed


def look(folder: Path, files: Mapping[str, bytes], kind: str, *, force: bool) -> Found:
    """Looks at a folder that is to get files (its manifest among them).

    Raises:
        Refusal: it is not ours, or a file that would be replaced is not as we wrote it.
        OSError: it cannot be read.
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


class Refusal(Exception):
    """Why nothing is written."""

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
            # A folder, or one behind a link: none of what we wrote.
            continue
        if digest == written:
            found.removed[path] = digest
        elif digest is not None:
            found.kept.append(path)
    return found


def _digest_inside(folder: Path, path: str) -> str | None:
    """What is known of a file in the folder: None if there is none; a link's is no file's.

    Raises:
        Refusal: a folder stands there, or a link or file in the place of a folder on the way.
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
    """The sha256 of a file's content; of anything else, what no file has."""
    mode = mode_of(place)
    if mode is None or not stat.S_ISREG(mode):
        return "a link" if mode is not None and stat.S_ISLNK(mode) else "no file"
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _manifest(folder: Path, kind: str, *, force: bool) -> Manifest:
    """What we wrote there; nothing, for an empty folder or by force.

    Raises:
        Refusal: there is something, and no manifest that says that it is ours.
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
    """The files in a folder that its manifest lists and that are as we wrote them; none, if it has no such list."""
    place = folder / MANIFEST
    try:
        if place.is_symlink() or not place.is_file() or place.stat().st_size > MAX_BYTES:
            return frozenset()
        listed = read_manifest(place.read_bytes()).files
        return frozenset(
            name
            for name, digest in listed.items()
            if "/" not in name and mode_of(folder / name) is not None and digest_of(folder / name) == digest
        )
    except (OSError, ValueError):
        return frozenset()


def is_older_package(folder: Path) -> bool:
    """Whether a folder looks like a package that has no manifest yet. ComfyUI's own prompt alone makes none."""
    try:
        with (folder / "handler.py").open("rb") as file:
            return b"Generated by comfy2runpod" in file.read(4096)
    except OSError:
        return False


def everything(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every path below a folder, with what it is; folders before what is in them. Links are not followed."""
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
    """A place's mode, links not followed; None if nothing is there."""
    try:
        return place.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def kind_of(mode: int) -> str:
    """What a mode says, in words."""
    kinds: tuple[tuple[Callable[[int], bool], str], ...] = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a link"),
        (stat.S_ISREG, "a file"),
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
    )
    return next((name for is_kind, name in kinds if is_kind(mode)), "a device")


def flush_folder(folder: Path) -> None:
    """Has the names in a folder on the disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some file systems have no such thing.
        with suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)
