"""The provisioner's own files beside a model: its lock, its partial download, its record of a verification.

Their names can be guessed, and on a shared volume others can write. So none is reached through a symbolic link, and
what is no regular file is in the way and is removed: a named pipe would make a worker wait for ever, a link write
over another file.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_NO_FOLLOW = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MODE = 0o666


def open_own(path: Path, *, append: bool) -> BinaryIO:
    """Opens a file of the provisioner to write to it, and creates it if there is none.

    Args:
        path: the file.
        append: whether to write behind its content; otherwise it is emptied.

    Raises:
        OSError: it cannot be opened.
    """
    remove_foreign(path)
    how = os.O_APPEND if append else os.O_TRUNC
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how | _NO_FOLLOW, _MODE), "ab" if append else "wb")


def read_own(path: Path, most: int) -> bytes:
    """Reads a file of the provisioner.

    Args:
        path: the file.
        most: how many bytes of it to read at most.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | _NO_FOLLOW), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path.name} is no regular file")
        return file.read(most)


def write_own(path: Path, content: bytes) -> None:
    """Writes a file of the provisioner in place of what is there.

    Raises:
        OSError: it cannot be written.
    """
    with open_own(path, append=False) as file:
        file.write(content)


def remove_foreign(path: Path) -> None:
    """Removes a link, pipe or socket that stands in the place of a file of the provisioner.

    Raises:
        OSError: it cannot be removed; a folder is left as it is.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            path.unlink()
