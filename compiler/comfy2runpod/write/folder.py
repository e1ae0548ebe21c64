"""Writes folders: prepared beside the existing one, then exchanged with it atomically."""

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
from comfy2runpod.write.manifest import DEFAULTS, MANIFEST, Chosen, Source, manifest_of
from comfy2runpod.write.workplace import Workplace, clear_up, workplace, write_durably

_EXECUTABLE = ".sh"


@dataclass(frozen=True, slots=True)
class Written:
    """The result of writing a folder.

    Attributes:
        changed: whether anything was written.
        kept: files of ours that are obsolete, but were changed by hand, and so were not removed.
        overwritten: files of the user, or changed by hand, that --force replaced.
    """

    changed: bool
    kept: tuple[str, ...] = ()
    overwritten: tuple[str, ...] = ()


def write_package(
    files: Mapping[str, str | bytes],
    folder: Path,
    *,
    graph: Source | None = None,
    options: Chosen = DEFAULTS,
    force: bool = False,
) -> Written:
    """Writes the files of a package and their manifest.

    Args:
        files: content by path in the folder.
        folder: the package's folder.
        graph: what the package was compiled from.
        options: what it was compiled with.
        force: whether to replace files of the user, or changed by hand, that have the path of a new file.

    Raises:
        WriteError: the folder cannot be written; nothing has changed.
        WriteRefused: the folder is not ours, or a file would be lost; nothing has changed.
    """
    return _write(package_files(files, graph, options), folder, "package", force=force)


def package_files(
    files: Mapping[str, str | bytes], graph: Source | None = None, options: Chosen = DEFAULTS
) -> dict[str, bytes]:
    """Returns the files of a package as bytes, with the manifest."""
    return _with_manifest(
        {name: held if isinstance(held, bytes) else held.encode("utf-8") for name, held in files.items()},
        "package",
        graph,
        options,
    )


def write_site(files: Mapping[str, bytes], folder: Path, *, force: bool = False) -> Written:
    """Writes the files of a site; see `write_package`.

    Raises:
        WriteError, WriteRefused: as of `write_package`.
    """
    return _write(_with_manifest(files, "site"), folder, "site", force=force)


def _with_manifest(
    files: Mapping[str, bytes], kind: str, graph: Source | None = None, options: Chosen = DEFAULTS
) -> dict[str, bytes]:
    return {**files, MANIFEST: manifest_of(files, kind, graph, options).to_bytes()}


def _write(files: Mapping[str, bytes], folder: Path, kind: str, *, force: bool) -> Written:
    with told(folder):
        # Absolute from here on: the working directory may be the folder that is exchanged.
        place = folder.absolute() if folder.name not in {"", ".."} else folder.resolve()
        clear_up(place.parent)
        found = look(place, files, kind, force=force)
        if found.is_as_wanted(files):
            return Written(changed=False, kept=found.kept)
        with _staying(), workplace(place.parent) as work:
            # Again, under the lock.
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
    """Creates a hard link in the new folder for each file that stays. Nothing is copied.

    Files that cannot be linked (another owner, or a file system without hard links) are moved after the exchange.
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
    # Folders that contained only files to remove.
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
    """Copies the mode, owner and times of every existing folder, and flushes the directories to disk."""
    for path, found in [(".", new.lstat()), *everything(new)]:
        if not stat.S_ISDIR(found.st_mode):
            continue
        flush_folder(new / path)
        if mode_of(folder / path) is not None:
            match(folder / path, new / path)


def match(old: Path, new: Path) -> None:
    """Copies the mode, owner and extended attributes of a file or folder, as far as permitted."""
    if hasattr(os, "chown"):
        found = old.stat()
        with suppress(OSError):
            os.chown(new, found.st_uid, found.st_gid)
    with suppress(OSError):
        shutil.copystat(old, new)


@contextmanager
def _staying() -> Iterator[None]:
    """Keeps the working directory valid if its folder is exchanged: changes to the new folder of the same name."""
    try:
        here = Path.cwd()
    except OSError:
        here = None
    yield
    if here is not None:
        with suppress(OSError):
            os.chdir(here)
