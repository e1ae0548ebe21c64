"""Two folders that change places, and what then becomes of the old one: the user's files stay, ours go.

Whoever reads sees the old folder whole or the new one whole. Where the old one is left half cleared by a kill, `finish`
does the rest. Nothing is ever removed that is not known: a file of ours by its hash, a further name of a file of the
user's by the file itself. What is not known is moved into the new folder.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.write.look import digest_of, everything, flush_folder, mode_of
from comfy2runpod.write.manifest import MANIFEST

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_CANNOT = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP})
_LARGEST_STATE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class State:
    """What it takes to finish an exchange: the folder's name, which file the new manifest is, and what is to go.

    `drop` is path to sha256 of our files in the old folder.
    """

    folder: str
    manifest: int
    drop: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """As it is kept."""
        return json.dumps({"folder": self.folder, "manifest": self.manifest, "drop": dict(self.drop)}).encode()


@dataclass(frozen=True, slots=True)
class Results:
    """What it takes to finish putting files in their places: the sha256 of what was seen there, by name."""

    seen: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """As it is kept."""
        return json.dumps({"seen": dict(self.seen)}).encode()


def read_state(path: Path) -> State | Results | None:
    """What was kept; None if there is nothing, or only a part: then nothing has been put in its place."""
    try:
        if path.lstat().st_size > _LARGEST_STATE:
            return None
        told = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    match told:
        case {"folder": str(folder), "manifest": int(manifest), "drop": dict(drop)} if folder not in {"", ".", ".."}:
            if "/" not in folder and all(isinstance(digest, str) for digest in drop.values()):
                return State(folder, manifest, drop)
        case {"seen": dict(seen)} if all(isinstance(digest, str) for digest in seen.values()):
            return Results(seen)
    return None


def exchange(new: Path, folder: Path, old: Path) -> Path:
    """Puts the new folder in the place of the one that is there; where that one then is.

    `old` is where it goes if the file system cannot exchange: then there is a moment in which neither is in its place.

    Raises:
        OSError: it cannot; all is as it was.
    """
    try:
        _exchange(new, folder)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    else:
        return new
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    return old


def _exchange(one: Path, other: Path) -> None:
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


def finish(state: State, folder: Path, new: Path, old: Path) -> None:
    """Does what a killed process left to do.

    Raises:
        OSError: it cannot be done yet.
    """
    if mode_of(old) is not None:
        # Killed between the two steps of a file system that cannot exchange, or after them.
        if mode_of(folder) is None:
            new.rename(folder)
        dismantle(old, folder, state.drop)
    elif mode_of(new) is not None and not _holds(new, state.manifest):
        # The new folder is in its place: this is the old one.
        dismantle(new, folder, state.drop)


def put_in_place(new: Path, folder: Path, seen: Mapping[str, str]) -> None:
    """Moves each file to its name in the folder; what was put there meanwhile stays beside."""
    for name in sorted(os.listdir(new)):  # noqa: PTH208 - names alone
        target = folder / name
        if mode_of(target) is not None and digest_of(target) != seen.get(name):
            target.rename(_beside(target))
        (new / name).replace(target)
    flush_folder(folder)


def _holds(folder: Path, manifest: int) -> bool:
    try:
        return (folder / MANIFEST).lstat().st_ino == manifest
    except FileNotFoundError:
        return False


def dismantle(old: Path, folder: Path, drop: Mapping[str, str]) -> None:
    """Takes an old folder apart whose place the new one has: what of it is not in the new one is moved there.

    A file that was saved or made meanwhile, in the old one, is among that; where both have another one, the older stays
    beside under a name that ends in `.saved`.
    """
    if mode_of(folder) is None:
        # Somebody took it away after the exchange: what is the user's comes back.
        folder.mkdir()
    folders = [old]
    for path, found in everything(old):
        if stat.S_ISDIR(found.st_mode):
            folders.append(old / path)
            _writable(old / path, found)
        else:
            _settle(old / path, folder / path, found, drop.get(path))
    for place in reversed(folders):
        place.rmdir()


def _settle(old: Path, new: Path, found: os.stat_result, ours: str | None) -> None:
    if ours is not None and digest_of(old) == ours:
        old.unlink()
        return
    try:
        there = new.lstat()
    except FileNotFoundError:
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
        return
    if os.path.samestat(found, there):
        old.unlink()
    elif ours is None and not stat.S_ISDIR(there.st_mode) and found.st_mtime_ns >= there.st_mtime_ns:
        # Saved anew, under its name, after the new folder was made ready.
        new.rename(_beside(new))
        old.rename(new)
    else:
        old.rename(_beside(new))


def _beside(path: Path) -> Path:
    number = 1
    while mode_of(place := path.with_name(f"{path.name}.{number}.saved")) is not None:
        number += 1
    return place


def remove_tree(folder: Path) -> None:
    """Removes a folder that was made ready and has not been exchanged: copies and further names, nothing else."""
    mode = mode_of(folder)
    if mode is None:
        return
    folders = [folder]
    folder.chmod(0o700)
    for path, found in everything(folder):
        if stat.S_ISDIR(found.st_mode):
            _writable(folder / path, found)
            folders.append(folder / path)
        else:
            (folder / path).unlink()
    for place in reversed(folders):
        place.rmdir()


def _writable(place: Path, found: os.stat_result) -> None:
    """So that what is in a folder of ours that nobody may write can be taken out."""
    if found.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        with suppress(OSError):
            place.chmod(stat.S_IMODE(found.st_mode) | stat.S_IRWXU)
