"""Model files, as the lock lists them: whole under their names, or not there at all.

    python -m comfy2runpod_runtime.provision models.lock.json --models-dir DIR

A file is downloaded to `<name>.part` beside its place, resumed where it stopped, also by another process, checked by
size and sha256, and renamed. What was checked is noted in `.<name>.checked`, so that a later start need not read 27 GB
again. What the lock does not know (before `comfy2runpod lock` has been run) the hub itself tells: the size and hash
that it stores for the file.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationError

from comfy2runpod_runtime.errors import ModelUnavailable, SettingsError
from comfy2runpod_runtime.hub import Expected, Hub, sha256_of
from comfy2runpod_runtime.logs import set_up
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
_SHA256_DIGITS = 64


class LockedModel(BaseModel):
    """One file of the lock. `size` in bytes, `sha256` in hex; None where `comfy2runpod lock` has not been run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    directory: str
    url: str
    repo: str | None = None
    path: str | None = None
    revision: str | None = None
    size: int | None = None
    sha256: str | None = None


class ModelLock(BaseModel):
    """models.lock.json."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    models: tuple[LockedModel, ...]


class _Note(BaseModel):
    """What is known of a file that was checked: it is not read again while it has that size and time."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    size: int
    modified_ns: int
    sha256: str | None


def read_lock(path: Path) -> ModelLock:
    """The lock file.

    Raises:
        ModelUnavailable: it cannot be read.
    """
    try:
        return ModelLock.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelUnavailable(f"{path.name} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        places = ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors()) or "the whole"
        raise ModelUnavailable(f"{path.name} is no model lock: {places} does not fit.") from error


def provision(lock: ModelLock, models_dir: Path, hf_cache: Path | None = None, wait_seconds: float = 7200) -> None:
    """Makes sure that every file of the lock is whole under `models_dir/<directory>/<file>`.

    Everything that can be found out beforehand is, for all files, before the first long download.

    Raises:
        ModelUnavailable: some cannot be had, or are not what the lock says.
    """
    missing = [model for model in lock.models if not _is_noted(_target(models_dir, model), model)]
    if not missing:
        return
    try:
        with Hub() as hub:
            wanted = _expect(hub, missing)
            _check_space(models_dir, wanted)
            for model, expected in wanted:
                target = _target(models_dir, model)
                with _locked(target, wait_seconds):
                    _bring(hub, target, model, expected, hf_cache)
    except OSError as error:
        where = Path(error.filename).name if isinstance(error.filename, str) else "the models folder"
        raise ModelUnavailable(
            f"{where} cannot be written ({error.strerror}): check the volume and its space."
        ) from error


def _target(models_dir: Path, model: LockedModel) -> Path:
    inside = PurePosixPath(model.directory) / model.file
    if inside.is_absolute() or ".." in inside.parts or not model.file or "/" in model.file:
        raise ModelUnavailable(f"{inside} would lie outside the models folder.")
    return models_dir / inside


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
            if told.sha256 is None:
                log.warning("%s: nobody knows its sha256; only its size is checked", model.file)
        wanted.append((model, told))
    if refused:
        raise ModelUnavailable(" ".join(refused))
    return wanted


def _check_space(models_dir: Path, wanted: list[tuple[LockedModel, Expected]]) -> None:
    needed = 0
    for model, expected in wanted:
        target = _target(models_dir, model)
        there = max((path.stat().st_size for path in (target, _part(target)) if path.exists()), default=0)
        needed += max(0, (expected.size or 0) - there)
    models_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(models_dir).free
    if free < needed:
        names = ", ".join(model.file for model, _ in wanted)
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
        if expected.sha256 is not None and len(blob) == _SHA256_DIGITS and blob != expected.sha256:
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


def main() -> int:
    """The command. Exit code 0 if every file is whole, 1 if one is not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m comfy2runpod_runtime.provision")
    parser.add_argument("lock", type=Path)
    parser.add_argument("--models-dir", type=Path, help="by default MODELS_DIR")
    options = parser.parse_args()
    set_up("auto")
    try:
        settings = Settings.read()
        models_dir = options.models_dir or settings.models_dir
        provision(read_lock(options.lock), models_dir, settings.hf_cache_dir, settings.model_wait_seconds)
    except ModelUnavailable as error:
        sys.stderr.write(f"{error.code}: {error.message}\n")
        return 1
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
