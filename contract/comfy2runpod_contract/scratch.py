"""Temporary folders, and the removal of those that killed processes left behind.

The process that uses one keeps a file in it locked; the kernel releases the lock however the process ends. Making the
next temporary folder removes those of ours whose lock is free. A folder without that file is not ours, whatever its
name, unless it is empty: a process was killed before it made the file, or after it removed it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "comfy2runpod-"
_MARK = ".comfy2runpod-scratch"
# As `tempfile.mkdtemp` names them.
_NAME = re.compile(_PREFIX + "[a-z]+-[a-z0-9_]{8}")
# A younger folder that is empty may be one that another process is making.
_EMPTY_SECONDS = 60


@contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """A folder among the temporary ones, gone with the context; `kind` stands in its name.

    Raises:
        OSError: it cannot be made.
    """
    _clear(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{kind}-"))
    try:
        # Locked before it has the name by which others know it.
        new = folder / f"{_MARK}.new"
        with new.open("wb") as mark:
            with suppress(OSError):
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            new.rename(folder / _MARK)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear(root: Path) -> None:
    with suppress(OSError):
        for folder in root.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                _clear_one(folder)


def _clear_one(folder: Path) -> None:
    """Removes a folder of a process that has ended; a file system without locks tells of none.

    Raises:
        OSError: it is not ours, or somebody holds it.
    """
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid():
        return
    if _NAME.fullmatch(folder.name) and time.time() - found.st_mtime > _EMPTY_SECONDS:
        # Fails for a folder that holds anything.
        with suppress(OSError):
            folder.rmdir()
            return
    mark = os.open(folder / _MARK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(mark)
