"""The hidden work folder beside what is written, and the recovery after a killed process.

.comfy2runpod.lock             locked while anything is written beside it: only one of our processes writes at a time
.comfy2runpod-<16 digits>/     created and removed under the lock, so one that is found belongs to a killed process
  owner.json                   written first: marks the folder as ours
  new/, file                   what is prepared; after the exchange, `new` is the old folder
  state.json                   written last, before the exchange: what recovery needs
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from comfy2runpod.write.exchange import Results, State, finish, put_in_place, read_state, remove_tree
from comfy2runpod.write.look import flush_folder, mode_of

LOCK = ".comfy2runpod.lock"
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

    def remove(self) -> None:
        """Removes the folder. It must no longer contain files of the user."""
        # First: without it, recovery only removes the rest.
        (self.place / _STATE).unlink(missing_ok=True)
        remove_tree(self.new)
        self.file.unlink(missing_ok=True)
        (self.place / _OWNER).unlink(missing_ok=True)
        self.place.rmdir()


@contextmanager
def workplace(parent: Path) -> Iterator[Workplace]:
    """Creates a work folder in `parent`, under the lock, and removes it at the end. Runs recovery first.

    Raises:
        OSError: the folder cannot be created, or another process holds the lock for a minute.
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
    """Recovers from killed processes in a folder, if there is anything to recover and it is possible."""
    with suppress(OSError):
        names = os.listdir(parent)  # noqa: PTH208 - names alone
        if any(name == LOCK or _PLACE.fullmatch(name) for name in names):
            with _locked(parent) as alone:
                if alone:
                    _clear_all(parent)


def _clear_all(parent: Path) -> None:
    """Recovers from killed processes, under the lock. Folders that may not be ours are not touched."""
    for name in os.listdir(parent):  # noqa: PTH208 - names alone
        if _PLACE.fullmatch(name):
            # One that cannot be recovered does not stop the write.
            with suppress(OSError):
                _clear(parent, Workplace(parent / name))


def _clear(parent: Path, work: Workplace) -> None:
    mode = mode_of(work.place)
    if mode is None or not stat.S_ISDIR(mode):
        return
    if mode_of(work.place / _OWNER) is None:
        # Killed before owner.json was written. A folder with content is not ours.
        work.place.rmdir()
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
        told = {"made by": "comfy2runpod", "what": "being written; the next run clears it"}
        write_durably(work.place / _OWNER, json.dumps(told).encode())
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
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
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
        if os.fstat(fd).st_size == 0:
            with suppress(OSError):
                path.unlink()
        os.close(fd)


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
