"""The only writer to disk: a folder appears whole, or what was there before stays."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from comfy2runpod.diagnostics import Locus, UnreachableError
from comfy2runpod.errors.files import CannotWrite

_EXECUTABLE = (".sh",)
# A folder that holds this file was written by us, and may be replaced whole.
MARKER = "workflow_api.json"


class WriteError(UnreachableError):
    """Nothing was written."""


def write_package(files: Mapping[str, str | bytes], folder: Path) -> None:
    """Writes a package's files into a new folder that then takes the old one's place.

    Raises:
        WriteError: the folder cannot be written, or holds something that is not a package; it is as it was.
    """
    data = {name: text if isinstance(text, bytes) else text.encode("utf-8") for name, text in files.items()}
    write_folder(data, folder, MARKER, "a package")


def write_folder(files: Mapping[str, bytes], folder: Path, marker: str, kind: str) -> None:
    """Writes files into a new folder that then takes the place of an old one of the same kind.

    Args:
        files: path in the folder to bytes.
        folder: where it goes.
        marker: the file that tells that a folder is one of ours.
        kind: what such a folder is, in words.

    Raises:
        WriteError: the folder cannot be written, or holds something else; it is as it was.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / marker).exists():
            raise _error(folder, f"it holds files that are not {kind}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _error(folder, error.strerror or str(error)) from error
    try:
        for name, data in sorted(files.items()):
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o755 if path.suffix in _EXECUTABLE else 0o644)
        fresh.chmod(0o755)
        _replace(fresh, folder)
    except OSError as error:
        raise _error(folder, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def write_text(text: str, path: Path) -> None:
    """Writes one text file whole; see write_bytes."""
    write_bytes(text.encode("utf-8"), path)


def write_bytes(data: bytes, path: Path) -> None:
    """Writes one file whole. A file that is there keeps its mode; behind a link, the file that it points to is written.

    Raises:
        WriteError: it cannot be written; what was there stays.
    """
    try:
        place = path.resolve()
        mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else 0o644
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}-", delete=False) as part:
            fresh = Path(part.name)
            try:
                part.write(data)
                part.flush()
                fresh.chmod(mode)
                fresh.replace(place)
            except OSError:
                fresh.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise _error(path, error.strerror or str(error)) from error


def _replace(fresh: Path, folder: Path) -> None:
    """Puts the new folder in the old one's place; if that fails, the old one is put back."""
    if not folder.exists():
        fresh.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent)) / folder.name
    folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)


def _error(path: Path, problem: str) -> WriteError:
    return WriteError(CannotWrite(at=Locus(str(path)), problem=problem))
