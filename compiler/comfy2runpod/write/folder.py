"""Folders of ours: made ready beside the one that is there, then both change places at once."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.diagnostics import Locus
from comfy2runpod.errors.files import CannotWrite, NotCleared
from comfy2runpod.write.errors import told
from comfy2runpod.write.exchange import State, dismantle, exchange
from comfy2runpod.write.look import Found, Refusal, everything, flush_folder, look, mode_of
from comfy2runpod.write.manifest import MANIFEST, manifest_of
from comfy2runpod.write.workplace import Workplace, clear_up, workplace, write_durably

_EXECUTABLE = ".sh"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a folder.

    `changed` is whether anything was written; `kept` are files of ours that are made no longer, and stay because they
    were changed by hand; `overwritten` are those of the user's, or changed by hand, that --force replaced.
    """

    changed: bool
    kept: tuple[str, ...] = ()
    overwritten: tuple[str, ...] = ()


def write_package(files: Mapping[str, str | bytes], folder: Path, *, force: bool = False) -> Written:
    """Writes a package's files (path to content) and their manifest.

    Args:
        files: path in the folder to content.
        folder: the package.
        force: whether files that were changed by hand, or are the user's, are replaced where new ones go.

    Raises:
        WriteError: the folder cannot be written or is not ours, or a file would be lost; all is as it was.
    """
    return _write(package_files(files), folder, "package", force=force)


def package_files(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    """A package's files as they are written, the manifest among them."""
    return _with_manifest(
        {name: held if isinstance(held, bytes) else held.encode("utf-8") for name, held in files.items()}, "package"
    )


def write_site(files: Mapping[str, bytes], folder: Path, *, force: bool = False) -> Written:
    """Writes a site's files, as `write_package` does a package's.

    Raises:
        WriteError: as there.
    """
    return _write(_with_manifest(files, "site"), folder, "site", force=force)


def _with_manifest(files: Mapping[str, bytes], kind: str) -> dict[str, bytes]:
    return {**files, MANIFEST: manifest_of(files, kind).to_bytes()}


def _write(files: Mapping[str, bytes], folder: Path, kind: str, *, force: bool) -> Written:
    with told(folder):
        # Absolute from here on: where we are may be the folder that is exchanged.
        place = folder.absolute() if folder.name not in {"", ".."} else folder.resolve()
        clear_up(place.parent)
        found = look(place, files, kind, force=force)
        if found.is_as_wanted(files):
            return Written(changed=False, kept=found.kept)
        with _staying(), workplace(place.parent) as work:
            # Again: no other of ours writes now.
            found = look(place, files, kind, force=force)
            _replace(files, place, found, work)
        return Written(changed=True, kept=found.kept, overwritten=found.overwritten)


def _replace(files: Mapping[str, bytes], folder: Path, found: Found, work: Workplace) -> None:
    drop = {**found.replaced, **found.removed}
    work.new.mkdir()
    if found.exists:
        _take_over(folder, work.new, drop)
    for path, data in files.items():
        place = work.new / path
        if mode_of(place) is None:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_durably(place, data, 0o777 if path.endswith(_EXECUTABLE) else 0o666)
    _match_folders(folder, work.new)
    work.commit(State(folder.name, (work.new / MANIFEST).lstat().st_ino, drop))
    if found.exists:
        old = exchange(work.new, folder, work.old)
        flush_folder(folder.parent)
        try:
            dismantle(old, folder, drop)
        except OSError as error:
            at, problem = Locus(str(folder)), error.strerror or str(error)
            raise Refusal(NotCleared(at=at, problem=problem, place=str(old))) from error
    else:
        work.new.rename(folder)
    flush_folder(folder.parent)


def _take_over(folder: Path, new: Path, drop: Mapping[str, str]) -> None:
    """Gives everything in a folder that stays a further name in the new one; nothing is copied.

    What cannot have one (a file of another owner's, a file system without) is moved when both have changed places.
    """
    of = folder.lstat().st_dev
    _check_access(folder, folder.lstat())
    emptied: list[Path] = []
    for path, found in everything(folder):
        if stat.S_ISDIR(found.st_mode):
            if found.st_dev != of:
                raise OSError(errno.EXDEV, f"{path} in it is another file system's", str(folder / path))
            _check_access(folder / path, found)
            (new / path).mkdir(mode=0o700)
            if any((folder / path).iterdir()):
                emptied.append(new / path)
        elif path not in drop:
            with suppress(PermissionError, NotImplementedError):
                _link(folder / path, new / path)
    # Folders that held nothing but files that go.
    for place in reversed(emptied):
        with suppress(OSError):
            place.rmdir()


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}:
            raise


def _check_access(place: Path, found: os.stat_result) -> None:
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid() and not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        raise Refusal(CannotWrite(at=Locus(str(place)), problem=os.strerror(errno.EACCES)))


def _match_folders(folder: Path, new: Path) -> None:
    """Gives every folder that was there the modes, owners and times that it had, and has all names on the disk."""
    for path, found in [(".", new.lstat()), *everything(new)]:
        if not stat.S_ISDIR(found.st_mode):
            continue
        flush_folder(new / path)
        if mode_of(folder / path) is not None:
            match(folder / path, new / path)


def match(old: Path, new: Path) -> None:
    """Gives a file or folder the mode, the owner and the other properties of another one, as far as one may."""
    if hasattr(os, "chown"):
        found = old.stat()
        with suppress(OSError):
            os.chown(new, found.st_uid, found.st_gid)
    with suppress(OSError):
        shutil.copystat(old, new)


@contextmanager
def _staying() -> Iterator[None]:
    """Keeps this process in the folder of the same name, if the one that it is in gets another's place."""
    try:
        here = Path.cwd()
    except OSError:
        here = None
    yield
    if here is not None:
        with suppress(OSError):
            os.chdir(here)
