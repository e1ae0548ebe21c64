"""Model files, as the lock lists them: whole under their names, or not there at all.

    python -m comfy2runpod_runtime.models.provision models.lock.json --models-dir DIR [--model-paths FILE]

A file is downloaded to `<name>.part` beside its place, resumed where it stopped, also by another process, checked by
size and sha256, and renamed. What was checked is noted in `.<name>.checked`, so that a later start need not read 27 GB
again. What the lock does not know (before `comfy2runpod lock` has been run) the hub itself tells: the size and hash
that it stores for the file. FILE is written when all are whole: it tells ComfyUI of their folders
(`--extra-model-paths-config`).
"""

from __future__ import annotations

import argparse
import fcntl
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from comfy2runpod_contract.hashes import sha256_hex
from comfy2runpod_contract.limits import LARGEST_FILE_BYTES
from comfy2runpod_contract.model_files import MODEL_FOLDERS, ModelPlace, ModelPlaceRefused, at_odds, model_place
from comfy2runpod_contract.model_urls import ModelUrlRefused, hub_file, model_url
from comfy2runpod_runtime.errors import ModelUnavailable, SettingsError
from comfy2runpod_runtime.models.hub import Expected, Hub, sha256_of
from comfy2runpod_runtime.operations.logs import configure_logging
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)

VERSION = 1
_LOOK_SECONDS = 0.5
_MOST_FAULTS = 5


class LockedModel(BaseModel):
    """One file of the lock. `size` in bytes, `sha256` in hex; None where `comfy2runpod lock` has not been run."""

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
    def _is_a_hash(cls, text: str | None) -> str | None:
        digest = None if text is None else sha256_hex(text)
        if digest is None and text is not None:
            raise ValueError("expected 64 hex digits, or null")
        return digest


class ModelLock(BaseModel):
    """models.lock.json. `folders` are the model folders of node packs, beside ComfyUI's own."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    version: int
    folders: tuple[str, ...] = ()
    models: tuple[LockedModel, ...]

    @field_validator("version")
    @classmethod
    def _is_known(cls, version: int) -> int:
        if version != VERSION:
            raise ValueError(f"expected {VERSION}, which this worker reads; compile the graph anew")
        return version

    def place(self, model: LockedModel) -> ModelPlace:
        """Where a file of this lock lies.

        Raises:
            ModelUnavailable: in no model folder, or under no name for a model.
        """
        try:
            return model_place(model.directory, model.file, self.folders)
        except ModelPlaceRefused as error:
            raise ModelUnavailable(f"models.lock.json: a model of it cannot be brought. {error}") from error


class _Note(BaseModel):
    """What is known of a file that was checked: it is not read again while it has that size and time."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    size: int
    modified_ns: int
    sha256: str | None


def read_lock(path: Path) -> ModelLock:
    """The lock file.

    Raises:
        ModelUnavailable: it cannot be read, is no lock, or its files cannot all lie where it says.
    """
    try:
        lock = ModelLock.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelUnavailable(f"{path.name} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise ModelUnavailable(f"{path.name} is no model lock: {_faults(error)}.") from error
    pair = at_odds((lock.place(model), model.url, model.sha256) for model in lock.models)
    if pair is not None:
        one, other = (lock.place(lock.models[number]).path for number in pair)
        raise ModelUnavailable(f"{path.name}: two files of it cannot both be there, {one} and {other}.")
    return lock


def _faults(error: ValidationError) -> str:
    """The first faults: each with its place and reason, on one line, without what stands there."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    told = []
    for fault in faults[:_MOST_FAULTS]:
        reason = fault["msg"].removeprefix("Value error, ")
        told.append(
            ": ".join(part for part in (".".join(map(str, fault["loc"])), reason[:1].lower() + reason[1:]) if part)
        )
    if len(faults) > len(told):
        told.append(f"and {len(faults) - len(told)} more")
    return "; ".join(told)


def provision(lock: ModelLock, models_dir: Path, hf_cache: Path | None = None, wait_seconds: float = 7200) -> None:
    """Makes sure that every file of the lock is whole under `models_dir/<directory>/<file>`.

    Everything that can be found out beforehand is, for all files, before the first long download.

    Raises:
        ModelUnavailable: some cannot be had, or are not what the lock says.
    """
    models = [_checked(model) for model in lock.models]
    targets = {model: models_dir / lock.place(model).path for model in models}
    missing = [model for model, target in targets.items() if not _is_noted(target, model)]
    if not missing:
        return
    try:
        with Hub() as hub:
            wanted = _expect(hub, missing)
            _check_space(models_dir, [(targets[model], expected) for model, expected in wanted])
            for model, expected in wanted:
                target = targets[model]
                with _locked(target, wait_seconds):
                    _bring(hub, target, model, expected, hf_cache)
    except OSError as error:
        where = Path(error.filename).name if isinstance(error.filename, str) else "the models folder"
        raise ModelUnavailable(
            f"{where} cannot be written ({error.strerror}): check the volume and its space."
        ) from error


def _checked(model: LockedModel) -> LockedModel:
    """The model with its URL in the one form that models are fetched from, and what that says of its repository."""
    try:
        url = model_url(model.url)
    except ModelUrlRefused as error:
        raise ModelUnavailable(f"{model.file}: its URL is refused. {error}") from error
    repo, _, path = hub_file(url) or (None, None, None)
    return model.model_copy(update={"url": url, "repo": repo, "path": path})


def model_paths(lock: ModelLock, models_dir: Path) -> str:
    """What `--extra-model-paths-config` reads: every folder of ComfyUI's, those of packs and those of single files.

    JSON, which is YAML. A file in a folder below a model folder is found under its own name there too.
    """
    places = [lock.place(model) for model in lock.models]
    directories = {folder: {folder} for folder in MODEL_FOLDERS}
    for place in places:
        directories.setdefault(place.folder, {place.folder}).add(place.directory)
    listed = {folder: "\n".join(sorted(names)) for folder, names in sorted(directories.items())}
    return json.dumps({"volume": {"base_path": str(models_dir.absolute()), **listed}}, indent=2) + "\n"


def _expect(hub: Hub, models: list[LockedModel]) -> list[tuple[LockedModel, Expected]]:
    """What each file must be: the lock's word, else the hub's own. All that the hub refuses is told together."""
    wanted, refused = [], []
    for model in models:
        told = Expected(model.size, model.sha256)
        if model.size is None or model.sha256 is None:
            try:
                said = hub.expected(model.url, model.file)
            except ModelUnavailable as error:
                refused.append(error.message)
                continue
            size = said.size if model.size is None else model.size
            told = Expected(size, said.sha256 if model.sha256 is None else model.sha256)
            if told == Expected(None, None):
                log.warning(
                    "%s: nobody knows its size or its sha256; nothing of it is checked but that it comes whole",
                    model.file,
                )
            elif told.sha256 is None:
                log.warning("%s: nobody knows its sha256; only its size is checked", model.file)
        wanted.append((model, told))
    if refused:
        raise ModelUnavailable(" ".join(refused))
    return wanted


def _check_space(models_dir: Path, wanted: list[tuple[Path, Expected]]) -> None:
    needed = 0
    for target, expected in wanted:
        there = max((path.stat().st_size for path in (target, _part(target)) if path.exists()), default=0)
        needed += max(0, (expected.size or 0) - there)
    models_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(models_dir).free
    if free < needed:
        names = ", ".join(target.name for target, _ in wanted)
        raise ModelUnavailable(
            f"{needed:,} bytes more are needed for {names}; the disk has {free:,} free. "
            "Use a larger volume or container disk."
        )


def _bring(hub: Hub, target: Path, model: LockedModel, expected: Expected, hf_cache: Path | None) -> None:
    if _is_noted(target, model) or _is_whole(target, expected) or _link_cached(target, model, expected, hf_cache):
        return
    part = _part(target)
    resumed = part.exists()
    log.info("%s: downloading, %s bytes", model.file, "unknown" if expected.size is None else f"{expected.size:,}")
    fault = _fetched(hub, part, model, expected)
    if fault is not None and resumed:
        # What was there before may be of another revision: the whole file has one chance.
        log.warning("%s; starting again from its beginning", fault)
        fault = _fetched(hub, part, model, expected)
    if fault is not None:
        raise ModelUnavailable(
            f"{fault}; it was thrown away. If the file was changed on purpose, run `comfy2runpod lock` again."
        )
    part.replace(target)
    _write_note(target, expected.sha256)
    log.info("%s: whole", model.file)


def _fetched(hub: Hub, part: Path, model: LockedModel, expected: Expected) -> str | None:
    """Downloads a part to its end; what is wrong with it, if it is not what it must be. A wrong one is deleted."""
    digest = hub.download(model.url, model.file, part, expected.size)
    size = part.stat().st_size
    fault = None
    if expected.size not in (None, size):
        fault = f"{model.file} has {size:,} bytes, expected {expected.size:,}"
    elif expected.sha256 not in (None, digest):
        fault = f"{model.file} has the sha256 {digest}, expected {expected.sha256}"
    if fault is not None:
        part.unlink()
        return fault
    # On the disk before it gets its name: a power cut must not leave a file of holes under it.
    with part.open("rb") as file:
        os.fsync(file.fileno())
    return None


def _is_noted(target: Path, model: LockedModel) -> bool:
    """Whether the file is the one that was checked before, and is what the lock says."""
    try:
        note = _Note.model_validate_json(_note(target).read_bytes())
        there = target.stat()
    except (OSError, ValidationError):
        return False
    return (
        (note.size, note.modified_ns) == (there.st_size, there.st_mtime_ns)
        and model.size in (None, note.size)
        and (model.sha256 is None or model.sha256 == note.sha256)
    )


def _is_whole(target: Path, expected: Expected) -> bool:
    """Whether a file that somebody else put there is the very one: read once, then noted."""
    if not target.is_file() or expected.size is None or target.stat().st_size != expected.size:
        return False
    if expected.sha256 is not None and sha256_of(target) != expected.sha256:
        return False
    _write_note(target, expected.sha256)
    return True


def _link_cached(target: Path, model: LockedModel, expected: Expected, hf_cache: Path | None) -> bool:
    """Uses RunPod's cache of the repository, if it holds the very file: the link is made once the file is there."""
    if hf_cache is None or model.repo is None or model.path is None or expected.size is None:
        return False
    snapshots = hf_cache / f"models--{model.repo.replace('/', '--')}" / "snapshots"
    for snapshot in sorted(snapshots.glob("*")):
        cached = snapshot / model.path
        if not cached.is_file() or cached.stat().st_size != expected.size:
            continue
        # The cache names a large file by its sha256, so another revision of the same size is told apart unread.
        blob = cached.resolve().name
        if expected.sha256 is not None and sha256_hex(blob) is not None and blob != expected.sha256:
            continue
        link = target.with_name(f".{target.name}.link")
        link.unlink(missing_ok=True)
        link.symlink_to(cached)
        link.replace(target)
        _write_note(target, expected.sha256)
        log.info("%s: linked from the repository cache", model.file)
        return True
    return False


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _note(target: Path) -> Path:
    return target.with_name(f".{target.name}.checked")


def _write_note(target: Path, digest: str | None) -> None:
    there = target.stat()
    note = _Note(size=there.st_size, modified_ns=there.st_mtime_ns, sha256=digest)
    _note(target).write_text(note.model_dump_json(), encoding="utf-8")


@contextmanager
def _locked(target: Path, wait_seconds: float) -> Iterator[None]:
    """One process at a time for a file, also over a shared volume: the second finds it whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    give_up_at = time.monotonic() + wait_seconds
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        told = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up_at:
                    raise ModelUnavailable(
                        f"{target.name} is being downloaded by another worker for over {wait_seconds:g} s."
                    ) from None
            if not told:
                log.info("%s: another worker downloads it; waiting", target.name)
                told = True
            time.sleep(_LOOK_SECONDS)
        yield


def _write_paths(text: str, file: Path) -> None:
    try:
        part = _part(file)
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise ModelUnavailable(f"{file} cannot be written ({error.strerror}).") from error


def main() -> int:
    """The command. Exit code 0 if every file is whole, 1 if one is not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m comfy2runpod_runtime.models.provision")
    parser.add_argument("lock", type=Path)
    parser.add_argument("--models-dir", type=Path, help="by default MODELS_DIR")
    parser.add_argument("--model-paths", type=Path, help="where ComfyUI is told of the folders, when all is whole")
    options = parser.parse_args()
    configure_logging("auto")
    try:
        settings = Settings.read()
        models_dir = options.models_dir or settings.models_dir
        lock = read_lock(options.lock)
        provision(lock, models_dir, settings.hf_cache_dir, settings.model_wait_seconds)
        if options.model_paths is not None:
            _write_paths(model_paths(lock, models_dir), options.model_paths)
    except ModelUnavailable as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return 1
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
