"""Writes single files atomically: prepared in a hidden folder beside, then renamed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod.diagnostics import Locus
from comfy2runpod.errors.files import CannotWrite, NotOurs
from comfy2runpod.write.errors import told
from comfy2runpod.write.folder import match
from comfy2runpod.write.look import Refusal, flush_folder, kind_of, mode_of
from comfy2runpod.write.workplace import clear_up, workplace, write_durably


@dataclass(frozen=True, slots=True)
class Replaceable:
    """Which existing files may be replaced.

    Attributes:
        test: returns whether a content may be replaced.
        otherwise: describes any other file, for the message.
        by_force: whether --force would replace it.
        beside: whether the file always stands beside its graph, so that no option names another place.
    """

    test: Callable[[bytes], bool]
    otherwise: str
    by_force: bool = False
    beside: bool = False


def write_text(text: str, path: Path, over: Replaceable | None = None) -> bool:
    """Writes a text file atomically; see write_bytes."""
    return write_bytes(text.encode("utf-8"), path, over)


def write_bytes(data: bytes, path: Path, over: Replaceable | None = None) -> bool:
    """Writes a file atomically. An existing file keeps its mode; the target of a symbolic link is written.

    Args:
        data: the content.
        path: the file.
        over: which existing files may be replaced; None for all.

    Returns:
        Whether the file was written: one with the same content is not.

    Raises:
        WriteError: the file cannot be written; the existing file is unchanged.
        WriteRefused: another file has the name, and may not be replaced.
    """
    with told(path, beside=over is not None and over.beside):
        place = _place(path)
        clear_up(place.parent)
        if _holds(place, data):
            return False
        _check(place, over)
        with workplace(place.parent) as work:
            write_durably(work.file, data)
            # As late as possible: the user may have saved the file meanwhile.
            _check(place, over)
            if mode_of(place) is not None:
                match(place, work.file)
                os.utime(work.file)
            work.file.replace(place)
            flush_folder(place.parent)
        return True


def remove(path: Path, over: Replaceable) -> bool:
    """Removes a file if it may be replaced; a link, and any other file, stays. Returns whether it was removed.

    Raises:
        WriteError: the file cannot be removed.
    """
    with told(path):
        mode = mode_of(path)
        if mode is None or not stat.S_ISREG(mode) or not over.test(path.read_bytes()):
            return False
        path.unlink()
        flush_folder(path.parent)
        return True


def _check(place: Path, over: Replaceable | None) -> None:
    if over is not None and mode_of(place) is not None and not over.test(place.read_bytes()):
        raise Refusal(NotOurs(at=Locus(place.as_posix()), what=over.otherwise, remains=not over.by_force))


def _place(path: Path) -> Path:
    """Resolves symbolic links.

    Raises:
        Refusal: the link is broken, or the target is not a regular file.
    """
    try:
        place = path.resolve(strict=path.is_symlink())
    except (OSError, RuntimeError):
        raise Refusal(
            CannotWrite(at=Locus(path.as_posix()), problem="it is a link that leads nowhere", taken=True)
        ) from None
    mode = mode_of(place)
    if mode is not None and not stat.S_ISREG(mode):
        raise Refusal(CannotWrite(at=Locus(path.as_posix()), problem=f"it is {kind_of(mode)}, not a file", taken=True))
    return place


def _holds(place: Path, data: bytes) -> bool:
    try:
        return place.stat().st_size == len(data) and place.read_bytes() == data
    except OSError:
        return False
