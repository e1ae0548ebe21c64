"""Writes the results of a run into a folder of the user, file by file; crash-safe.

The folder is not exchanged, since it may be the user's working directory. All files are prepared first. If the process
is killed while they are moved, the next run completes it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from comfy2runpod.diagnostics import Locus
from comfy2runpod.errors.files import CannotWrite, ChangedByHand
from comfy2runpod.write.errors import told
from comfy2runpod.write.exchange import Results, put_in_place
from comfy2runpod.write.look import Refusal, digest_of, kind_of, mode_of
from comfy2runpod.write.manifest import MANIFEST, MAX_BYTES, Manifest, is_inside, manifest_of, read_manifest
from comfy2runpod.write.workplace import clear_up, workplace, write_durably

_KIND = "results"


def check_room(folder: Path, may_be_made: Callable[[str], bool], *, force: bool) -> None:
    """Checks before a run that its results can be written.

    Args:
        folder: the folder.
        may_be_made: returns whether the results may contain a file of that name.
        force: whether to replace files of the user.

    Raises:
        WriteError: the folder cannot be written.
        WriteRefused: results would replace files that no earlier run wrote.
    """
    with told(folder):
        clear_up(folder)
        above = next(place for place in (folder.absolute(), *folder.absolute().parents) if mode_of(place) is not None)
        if not above.is_dir():
            found = above.lstat().st_mode
            problem = "it is a link that leads nowhere"
            if not stat.S_ISLNK(found) or above.exists():
                problem = f"{kind_of(found)} stands in the place of a folder"
            raise Refusal(CannotWrite(at=Locus(above.as_posix()), problem=problem, taken=True))
        if not os.access(above, os.W_OK | os.X_OK):
            raise Refusal(CannotWrite(at=Locus(above.as_posix()), problem=os.strerror(errno.EACCES)))
        if mode_of(folder) is not None:
            names = [name for name in os.listdir(folder) if may_be_made(name)]  # noqa: PTH208 - names alone
            _check(folder, names, force=force)


def write_results(files: Mapping[str, bytes], folder: Path, *, force: bool = False) -> None:
    """Writes the files of a run. Other files of earlier runs stay.

    Args:
        files: content by name.
        folder: the folder.
        force: whether to replace files of the user.

    Raises:
        WriteError: the folder cannot be written.
        WriteRefused: a file that no earlier run wrote would be lost.
    """
    with told(folder):
        if any("/" in name or not is_inside(name) for name in files):
            raise Refusal(CannotWrite(at=Locus(folder.as_posix()), problem="a result has a name that no file can have"))
        # The user may name a symbolic link to a folder.
        place = folder.resolve() if folder.is_dir() else folder.absolute()
        with workplace(place) as work:
            earlier = _check(place, list(files), force=force)
            whole = {**files, MANIFEST: _with(earlier, files).to_bytes()}
            work.new.mkdir()
            for name, data in whole.items():
                write_durably(work.new / name, data)
            seen = {name: digest_of(place / name) for name in whole if mode_of(place / name) is not None}
            work.commit(Results(seen))
            put_in_place(work.new, place, seen)


def _check(folder: Path, names: list[str], *, force: bool) -> Mapping[str, str]:
    """Returns the unchanged files of earlier runs.

    Raises:
        Refusal: another file has one of the names.
    """
    ours = {name: digest for name, digest in _earlier(folder).items() if _digest(folder, name) == digest}
    changed: list[str] = []
    for name in sorted(names):
        mode = mode_of(folder / name)
        if mode is not None and stat.S_ISDIR(mode):
            raise Refusal(
                CannotWrite(at=Locus((folder / name).as_posix()), problem="it is a folder, not a file", taken=True)
            )
        if mode is not None and name != MANIFEST and name not in ours:
            changed.append(name)
    if changed and not force:
        raise Refusal(ChangedByHand(at=Locus(folder.as_posix()), foreign=tuple(changed)))
    return ours


def _digest(folder: Path, name: str) -> str | None:
    mode = mode_of(folder / name)
    return None if mode is None or "/" in name else digest_of(folder / name)


def _earlier(folder: Path) -> Mapping[str, str]:
    place = folder / MANIFEST
    mode = mode_of(place)
    if mode is None:
        return {}
    found = None
    if stat.S_ISREG(mode) and place.stat().st_size <= MAX_BYTES:
        try:
            found = read_manifest(place.read_bytes())
        except ValueError:
            found = None
    if found is None or found.kind != _KIND:
        raise Refusal(ChangedByHand(at=Locus(folder.as_posix()), foreign=(MANIFEST,)))
    return found.files


def _with(earlier: Mapping[str, str], files: Mapping[str, bytes]) -> Manifest:
    return Manifest(_KIND, {**earlier, **manifest_of(files, _KIND).files})
