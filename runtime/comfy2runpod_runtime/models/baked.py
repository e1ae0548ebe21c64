"""Model files that are in the image, where `comfy2runpod build --bake` put them: `models/` of the package.

A list there says which are whole. A start goes by it, and by no file's time, which layers of images keep to the second
only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from comfy2runpod_runtime.models.lock import LockedModel, ModelLock
from comfy2runpod_runtime.models.own_files import read_own, write_own

_FOLDER = "models"
_LIST = "baked.json"
# A file has some 150 bytes in it.
_MAX_LIST_BYTES = 4 << 20


class _BakedFile(BaseModel):
    """A file of the list: its path below the folder, its size in bytes, its sha256 in hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    path: str
    size: int
    sha256: str


class _BakedList(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    files: tuple[_BakedFile, ...]


def baked_folder(package: Path) -> Path:
    """Returns where a package's image has models; the folder need not exist."""
    return package.absolute() / _FOLDER


def baked_models(lock: ModelLock, folder: Path) -> frozenset[LockedModel]:
    """Returns the models of a lock that the image has, whole and of the lock's hash.

    Args:
        lock: the lock.
        folder: the image's models.
    """
    try:
        listed = _BakedList.model_validate_json(read_own(folder / _LIST, _MAX_LIST_BYTES))
    except (OSError, ValidationError):
        return frozenset()
    there = {(item.path, item.size, item.sha256) for item in listed.files if _size(folder / item.path) == item.size}
    return frozenset(model for model in lock.models if (lock.place(model).path, model.size, model.sha256) in there)


def list_baked(lock: ModelLock, models: Iterable[LockedModel], folder: Path) -> None:
    """Writes the list of models that are whole; the size and hash of each are known.

    Raises:
        OSError: it cannot be written.
    """
    files = tuple(
        _BakedFile(path=lock.place(model).path, size=model.size or 0, sha256=model.sha256 or "") for model in models
    )
    write_own(folder / _LIST, _BakedList(files=files).model_dump_json(indent=2).encode())


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
