"""A hidden folder beside what is written, in which it is made ready; and how one that a killed process left is cleared.

.comfy2runpod.lock             held while anything is written beside it: no two of our processes write at once
.comfy2runpod-<16 digits>/     made and removed under the lock, so one that is found under the lock is of the dead
  owner.json                   written first: says that the folder is ours
  new/, file                   what is made ready; after the exchange, `new` is what was there before
  state.json                   written last, before the exchange: what clears up after it
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
# Seconds that another process may take to write.
_PATIENCE = 60.0
# What a file system says that has no locks.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


class Workplace:
    """The hidden folder of one write."""

    def __init__(self, place: Path) -> None:
        self.place = place

    @property
    def new(self) -> Path:
        """Where a folder is made ready."""
        return self.place / "new"

    @property
    def old(self) -> Path:
        """Where the old folder goes on a file system that cannot exchange two."""
        return self.place / "old"

    @property
    def file(self) -> Path:
        """Where a single file is made ready."""
        return self.place / "file"

    def commit(self, state: State | Results) -> None:
        """Has on the disk what it takes to finish."""
        write_durably(self.place / _STATE, state.to_bytes())
        flush_folder(self.place)

    def remove(self) -> None:
        """Removes what was made ready, and the folder. What is the user's must have left it."""
        # First: what is left of it then is nothing to be finished.
        (self.place / _STATE).unlink(missing_ok=True)
        remove_tree(self.new)
        self.file.unlink(missing_ok=True)
        (self.place / _OWNER).unlink(missing_ok=True)
        self.place.rmdir()


@contextmanager
def workplace(parent: Path) -> Iterator[Workplace]:
    """A hidden folder in `parent`, under the lock; gone at the end. First what killed processes left is cleared.

    Raises:
        OSError: it cannot be made, or another process holds the lock for a minute.
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
                # By what stands on the disk, not by how far we came: an interrupt may come between any two steps.
                with suppress(OSError):
                    _clear(parent, work)
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


def clear_up(parent: Path) -> None:
    """Clears what killed processes left in a folder, where there is anything and it can be cleared."""
    with suppress(OSError):
        names = os.listdir(parent)  # noqa: PTH208 - names alone
        if any(name == LOCK or _PLACE.fullmatch(name) for name in names):
            with _locked(parent) as alone:
                if alone:
                    _clear_all(parent)


def _clear_all(parent: Path) -> None:
    """Finishes what killed processes left, under the lock. What is not surely ours is let alone."""
    for name in os.listdir(parent):  # noqa: PTH208 - names alone
        if _PLACE.fullmatch(name):
            # One that cannot be cleared is no reason not to go on.
            with suppress(OSError):
                _clear(parent, Workplace(parent / name))


def _clear(parent: Path, work: Workplace) -> None:
    mode = mode_of(work.place)
    if mode is None or not stat.S_ISDIR(mode):
        return
    if mode_of(work.place / _OWNER) is None:
        # Killed before it said whose it is; one that holds something is another's.
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
    """A folder and those above it that are not there, the innermost first."""
    return [place for place in (folder, *folder.parents) if mode_of(place) is None]


@contextmanager
def _locked(parent: Path) -> Iterator[bool]:
    """The lock of a folder; whether it could be had on this file system."""
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
        # The one that had it may have removed it meanwhile.
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
    """Writes a new file, and has it on the disk; the umask holds."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
