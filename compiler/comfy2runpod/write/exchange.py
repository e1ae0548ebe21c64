"""Exchanges a new folder with an old one, and then removes our files from the old one.

A reader sees either the complete old folder or the complete new one. If the process is killed while it dismantles the
old one, `finish` completes it. Only known files are removed: ours by their hash, hard links of the user's files by
their inode. All others are moved into the new folder.
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
    """What is needed to finish an exchange: the folder's name, the inode of the new manifest, and the files to remove.

    `drop` is the sha256 of our files in the old folder, by path.
    """

    folder: str
    manifest: int
    drop: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Serializes it."""
        return json.dumps({"folder": self.folder, "manifest": self.manifest, "drop": dict(self.drop)}).encode()


@dataclass(frozen=True, slots=True)
class Results:
    """What is needed to finish moving files to a folder: the sha256 of the files that were there, by name."""

    seen: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Serializes it."""
        return json.dumps({"seen": dict(self.seen)}).encode()


def read_state(path: Path) -> State | Results | None:
    """Reads the stored state; None if it is missing or incomplete: then nothing has been exchanged."""
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_STATE:
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
    """Replaces a folder by the new one.

    Args:
        new: the new folder.
        folder: the folder to replace.
        old: where the old one goes if the file system cannot exchange two folders atomically. Then neither exists at
            `folder` for a moment.

    Returns:
        Where the old folder is now.

    Raises:
        OSError: the exchange failed; nothing has changed.
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
    """Completes an exchange that a killed process began.

    Raises:
        OSError: it cannot be completed now.
    """
    if mode_of(old) is not None:
        # Killed between or after the two renames of a file system that cannot exchange.
        if mode_of(folder) is None:
            new.rename(folder)
        dismantle(old, folder, state.drop)
    elif mode_of(new) is not None and not _holds(new, state.manifest):
        # The exchange was made: this is the old folder.
        dismantle(new, folder, state.drop)


def put_in_place(new: Path, folder: Path, seen: Mapping[str, str]) -> None:
    """Moves each file to the folder. A file that appeared there meanwhile is kept under another name.

    Raises:
        OSError: one cannot be moved, or `new` is a link.
    """
    _check_folder(new)
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
    """Removes our files from the old folder, and moves all others to the new one.

    These include files that were saved or created meanwhile. If both folders have different files with the same name,
    the older one is kept under a name that ends in `.saved`.

    Raises:
        OSError: one cannot be moved or removed, or one of the two is a link.
    """
    _check_folder(old)
    if mode_of(folder) is None:
        # Someone removed the folder after the exchange: the user's files are restored.
        folder.mkdir()
    _check_folder(folder)
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
        # The user saved the file again after the new folder was prepared.
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
    """Removes a prepared folder that was not exchanged. It contains only copies and hard links."""
    if mode_of(folder) is None:
        return
    _check_folder(folder)
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


def _check_folder(place: Path) -> None:
    """Makes sure that what is emptied or filled is a folder itself, and not a link to another."""
    mode = mode_of(place)
    if mode is None or not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(place))


def _writable(place: Path, found: os.stat_result) -> None:
    """Makes a read-only folder of ours writable, so that its files can be removed."""
    if found.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        with suppress(OSError):
            place.chmod(stat.S_IMODE(found.st_mode) | stat.S_IRWXU)
