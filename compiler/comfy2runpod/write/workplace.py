"""The hidden work folder beside what is written, and the recovery after a killed process.

.comfy2runpod.lock             locked while anything is written beside it: only one of our processes writes at a time;
                               one that has not our mark in it is locked all the same, and stays
.comfy2runpod-<16 digits>/     created and removed under the lock, so one of ours that is found is a killed process's
  owner.json                   written first: its seal proves that the folder is ours (`seal.py`)
  new/, file                   what is prepared; after the exchange, `new` is the old folder
  state.json                   written last, before the exchange: what recovery needs
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from comfy2runpod.diagnostics import Locus
from comfy2runpod.errors.files import NotProvenOurs
from comfy2runpod.write.exchange import Results, State, finish, put_in_place, read_state, remove_tree
from comfy2runpod.write.look import Refusal, flush_folder, mode_of
from comfy2runpod.write.seal import is_begun, is_sealed, owner_of, says_ours

LOCK = ".comfy2runpod.lock"
# What is in a lock of ours, so that another's file of this name is never removed.
_MARK = b"comfy2runpod is writing beside this file, or was killed while it did\n"
_PLACE = re.compile(r"\.comfy2runpod-[0-9a-f]{16}")
_OWNER, _STATE = "owner.json", "state.json"
# How long to wait for another process that writes, in seconds.
_PATIENCE = 60.0
# The errors of a file system without locks.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


class Workplace:
    """The work folder of one write."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @property
    def new(self) -> Path:
        """The path of a folder that is prepared."""
        return self.place / "new"

    @property
    def old(self) -> Path:
        """The path for the old folder on a file system that cannot exchange two folders."""
        return self.place / "old"

    @property
    def file(self) -> Path:
        """The path of a single file that is prepared."""
        return self.place / "file"

    def commit(self, state: State | Results) -> None:
        """Flushes to disk what recovery needs."""
        write_durably(self.place / _STATE, state.to_bytes())
        flush_folder(self.place)

    @property
    def owner(self) -> Path:
        """The path of the file that says whose the folder is."""
        return self.place / _OWNER

    def remove(self) -> None:
        """Removes the folder. It must no longer contain files of the user."""
        # First: without it, recovery only removes the rest.
        (self.place / _STATE).unlink(missing_ok=True)
        remove_tree(self.new)
        self.file.unlink(missing_ok=True)
        self.owner.unlink(missing_ok=True)
        self.place.rmdir()


@contextmanager
def workplace(parent: Path) -> Iterator[Workplace]:
    """Creates a work folder in `parent`, under the lock, and removes it at the end. Runs recovery first.

    Raises:
        OSError: the folder cannot be created, or another process holds the lock for a minute.
        Refusal: a folder beside it only says that it is ours.
    """
    made = _missing(parent)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with _locked(parent) as alone:
            if alone:
                _clear_all(parent)
            work = _begin(parent)
            try:
                yield work
            finally:
                # Decides by the state on disk, since an interrupt may come between any two steps.
                with suppress(OSError):
                    _clear(parent, work)
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def clear_up(parent: Path) -> None:
    """Recovers from killed processes in a folder, if there is anything to recover and it is possible.

    Raises:
        Refusal: a folder in it only says that it is ours.
    """
    with suppress(OSError):
        names = os.listdir(parent)  # noqa: PTH208 - names alone
        if any(name == LOCK or _PLACE.fullmatch(name) for name in names):
            with _locked(parent) as alone:
                if alone:
                    _clear_all(parent)


def _clear_all(parent: Path) -> None:
    """Recovers from killed processes, under the lock. Folders that may not be ours are not touched."""
    doubtful = []
    for name in sorted(os.listdir(parent)):  # noqa: PTH208 - names alone
        work = Workplace(parent / name)
        if _PLACE.fullmatch(name) is None or not _is_folder(work.place):
            continue
        # One that cannot be recovered does not stop the write.
        with suppress(OSError):
            if is_sealed(work.place, work.owner):
                _clear(parent, work)
            elif mode_of(work.owner) is None or is_begun(work.owner):
                # Killed before owner.json was written. A folder with other content is not ours, and stays.
                if os.listdir(work.place) in ([], [_OWNER]):  # noqa: PTH208 - names alone
                    work.remove()
            elif says_ours(work.owner):
                doubtful.append(work.place)
    if doubtful:
        raise Refusal(NotProvenOurs(at=Locus(doubtful[0].as_posix())))


def _is_folder(place: Path) -> bool:
    mode = mode_of(place)
    return mode is not None and stat.S_ISDIR(mode)


def _clear(parent: Path, work: Workplace) -> None:
    """Finishes the write of a work folder that is ours, or takes it back, and removes the folder."""
    if not _is_folder(work.place):
        return
    state = read_state(work.place / _STATE)
    match state:
        case State(folder=folder):
            finish(state, parent / folder, work.new, work.old)
        case Results(seen=seen) if mode_of(work.new) is not None:
            put_in_place(work.new, parent, seen)
    work.remove()


def _begin(parent: Path) -> Workplace:
    work = Workplace(parent / f".comfy2runpod-{secrets.token_hex(8)}")
    work.place.mkdir(mode=0o700)
    try:
        write_durably(work.owner, owner_of(work.place))
    except OSError:
        with suppress(OSError):
            work.remove()
        raise
    return work


def _missing(folder: Path) -> list[Path]:
    """Returns the folder and its parents that do not exist, the innermost first."""
    return [place for place in (folder, *folder.parents) if mode_of(place) is None]


@contextmanager
def _locked(parent: Path) -> Iterator[bool]:
    """Locks a folder; yields whether the file system supports it."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system
    except ImportError:
        yield False
        return
    path = parent / LOCK
    until = time.monotonic() + _PATIENCE
    while True:
        fd = _opened(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            if time.monotonic() > until:
                problem = f"another comfy2runpod has been writing beside it for {_PATIENCE:.0f} seconds"
                raise OSError(errno.EBUSY, problem, str(path)) from None
            time.sleep(0.05)
            continue
        except OSError as error:
            os.close(fd)
            if error.errno not in _NO_LOCKS:
                raise
            yield False
            return
        # The previous holder may have removed the file meanwhile.
        if _is_at(fd, path):
            break
        os.close(fd)
    try:
        yield True
    finally:
        with suppress(OSError):
            # A pipe would wait for its writer.
            if stat.S_ISREG(os.fstat(fd).st_mode) and os.pread(fd, len(_MARK) + 1, 0) == _MARK:
                path.unlink()
        os.close(fd)


def _opened(path: Path) -> int:
    """Opens the lock, and makes it if nothing has its name."""
    while True:
        with suppress(FileExistsError):
            return _made(path)
        # The previous holder may have removed it just now.
        with suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)


def _made(path: Path) -> int:
    """Makes the lock with its mark in it.

    Raises:
        FileExistsError: something has its name.
        OSError: it cannot be made.
    """
    # Without a name until the mark is written: a kill in between leaves nothing. Not every system and file system can.
    with suppress(AttributeError, OSError):
        fd = os.open(path.parent, os.O_RDWR | os.O_TMPFILE, 0o666)
        try:
            os.write(fd, _MARK)
            # Only with a folder given does os.link follow the link that stands for an open file.
            os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd, follow_symlinks=True)
        except OSError:
            os.close(fd)
            raise
        return fd
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    try:
        os.write(fd, _MARK)
    except OSError:
        os.close(fd)
        path.unlink()
        raise
    return fd


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except FileNotFoundError:
        return False


def write_durably(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Writes a new file and flushes it to disk. The umask applies to the mode."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
