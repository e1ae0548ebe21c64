"""models.lock.json: the model files of a package, and where they belong."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from comfy2runpod_contract.hashes import sha256_hex
from comfy2runpod_contract.limits import LARGEST_FILE_BYTES
from comfy2runpod_contract.model_files import (
    MODEL_FOLDERS,
    ModelPlace,
    ModelPlaceRefused,
    conflicting_files,
    model_place,
)
from comfy2runpod_contract.model_urls import ModelUrlRefused, hub_address, hub_file, model_url
from comfy2runpod_runtime.errors import ModelUnavailable

VERSION = 1
_MAX_FAULTS = 5


class LockedModel(BaseModel):
    """One file of the lock.

    Attributes:
        size: in bytes; None until `comfy2runpod lock` was run.
        sha256: in hexadecimal; None until `comfy2runpod lock` was run.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    file: str
    directory: str
    url: str
    repo: str | None = None
    path: str | None = None
    revision: str | None = None
    size: int | None = Field(None, gt=0, le=LARGEST_FILE_BYTES)
    sha256: str | None = None

    @field_validator("sha256")
    @classmethod
    def _is_sha256(cls, text: str | None) -> str | None:
        digest = None if text is None else sha256_hex(text)
        if digest is None and text is not None:
            raise ValueError("expected 64 hex digits, or null")
        return digest

    def with_canonical_url(self) -> LockedModel:
        """Returns the model with its URL in canonical form, and the repository and path in it.

        Raises:
            ModelUnavailable: the URL is not allowed.
        """
        try:
            url = model_url(self.url, hub_address(os.environ))
        except ModelUrlRefused as error:
            raise ModelUnavailable(f"{self.file}: its URL is refused. {error}") from error
        repo, _, path = hub_file(url) or (None, None, None)
        return self.model_copy(update={"url": url, "repo": repo, "path": path})


class ModelLock(BaseModel):
    """The lock file.

    Attributes:
        version: the version of the format.
        folders: the model folders of node packs, beside ComfyUI's own.
        models: the files.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    version: int
    folders: tuple[str, ...] = ()
    models: tuple[LockedModel, ...]

    @field_validator("version")
    @classmethod
    def _is_supported(cls, version: int) -> int:
        if version != VERSION:
            raise ValueError(f"expected {VERSION}, which this worker reads; compile the graph anew")
        return version

    def place(self, model: LockedModel) -> ModelPlace:
        """Returns the path of a file, relative to the models directory.

        Raises:
            ModelUnavailable: the directory is not a model folder, or the file name is not allowed.
        """
        try:
            return model_place(model.directory, model.file, self.folders)
        except ModelPlaceRefused as error:
            raise ModelUnavailable(f"models.lock.json: the path of a model is refused. {error}") from error

    def extra_model_paths(self, *models_dirs: Path) -> str:
        """Returns the file for ComfyUI's `--extra-model-paths-config`, as JSON, which is valid YAML.

        It lists the folders of ComfyUI and of node packs, and subfolders that contain models: ComfyUI then finds these
        also by their file names alone.

        Args:
            models_dirs: the models directories, the one that is searched first before the others.
        """
        directories = {folder: {folder} for folder in MODEL_FOLDERS}
        for place in map(self.place, self.models):
            directories.setdefault(place.folder, {place.folder}).add(place.directory)
        lines = {folder: "\n".join(sorted(names)) for folder, names in sorted(directories.items())}
        places = {f"models_{number}": folder.absolute() for number, folder in enumerate(models_dirs, 1)}
        paths = {name: {"base_path": str(folder), **lines} for name, folder in places.items()}
        return json.dumps(paths, indent=2) + "\n"


def read_lock(path: Path) -> ModelLock:
    """Reads a lock file.

    Raises:
        ModelUnavailable: the file cannot be read or is invalid, or two models have the same or conflicting paths.
    """
    try:
        lock = ModelLock.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelUnavailable(f"{path.name} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise ModelUnavailable(f"{path.name} is not a model lock: {_fault_list(error)}.") from error
    pair = conflicting_files((lock.place(model), model.url, model.sha256) for model in lock.models)
    if pair is not None:
        first, second = (lock.place(lock.models[number]).path for number in pair)
        raise ModelUnavailable(f"{path.name}: the paths of two models conflict: {first} and {second}.")
    return lock


def _fault_list(error: ValidationError) -> str:
    """Formats the first faults on one line, each with its place, without the invalid values."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    texts = []
    for fault in faults[:_MAX_FAULTS]:
        reason = fault["msg"].removeprefix("Value error, ")
        place = ".".join(map(str, fault["loc"]))
        texts.append(": ".join(part for part in (place, reason[:1].lower() + reason[1:]) if part))
    if len(faults) > len(texts):
        texts.append(f"and {len(faults) - len(texts)} more")
    return "; ".join(texts)
