"""Downloads the model files of a lock before ComfyUI starts. Each is complete and verified, or absent.

    python -m comfy2runpod_runtime.models.provision models.lock.json [--models-dir DIR]

A file is downloaded to `<name>.part`, resumed after an interruption, also by another process, verified by size and
sha256, and renamed atomically. `.<name>.checked` records the verification, so that a later start need not read 27 GB
again. If the lock has no size or hash (`comfy2runpod lock` was not run), those that the hub states are used.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Collection
from pathlib import Path

from comfy2runpod_runtime.errors import ModelUnavailable, SettingsError, VolumeFault
from comfy2runpod_runtime.exit_codes import ExitCode
from comfy2runpod_runtime.models.hub import ExpectedFile, Hub
from comfy2runpod_runtime.models.local_files import (
    file_lock,
    is_recorded,
    link_cached,
    part_path,
    record_verified,
    verify,
)
from comfy2runpod_runtime.models.lock import LockedModel, ModelLock, read_lock
from comfy2runpod_runtime.models.mounts import read_mounts
from comfy2runpod_runtime.models.volume import check_mounted, models_dir, write_fault
from comfy2runpod_runtime.operations.logs import configure_logging
from comfy2runpod_runtime.operations.redaction import Redactor
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)


def provision(lock: ModelLock, folder: Path, hf_cache: Path | None = None, wait_seconds: float = 7200) -> None:
    """Makes every file of the lock available as `folder/<directory>/<file>`.

    All checks that need no download are made for all files first.

    Args:
        lock: the lock.
        folder: the models directory.
        hf_cache: RunPod's cache of Hugging Face repositories.
        wait_seconds: how long to wait for another worker that downloads the same file.

    Raises:
        ModelUnavailable: files cannot be downloaded, or do not match the lock.
    """
    models = [model.with_canonical_url() for model in lock.models]
    targets = {model: folder / lock.place(model).path for model in models}
    missing = [model for model, target in targets.items() if not is_recorded(target, model)]
    if not missing:
        return
    try:
        with Hub() as hub:
            expected_files = _expected_files(hub, missing)
            _check_space(folder, [(targets[model], expected) for model, expected in expected_files])
            for model, expected in expected_files:
                target = targets[model]
                with file_lock(target, wait_seconds):
                    _provide(hub, target, model, expected, hf_cache)
    except OSError as error:
        raise write_fault(error, folder) from error


def _expected_files(hub: Hub, models: list[LockedModel]) -> list[tuple[LockedModel, ExpectedFile]]:
    """The size and hash of each file: the lock's, else the hub's. Reports all errors of the hub together."""
    expected_files, errors = [], []
    for model in models:
        expected = ExpectedFile(model.size, model.sha256)
        if model.size is None or model.sha256 is None:
            try:
                stated = hub.expected(model.url, model.file)
            except ModelUnavailable as error:
                errors.append(error.message)
                continue
            size = stated.size if model.size is None else model.size
            expected = ExpectedFile(size, stated.sha256 if model.sha256 is None else model.sha256)
            if expected == ExpectedFile(None, None):
                log.warning(
                    "%s: neither its size nor its sha256 is known; only that it arrives completely is checked",
                    model.file,
                )
            elif expected.sha256 is None:
                log.warning("%s: its sha256 is not known; only its size is checked", model.file)
        expected_files.append((model, expected))
    if errors:
        raise ModelUnavailable(" ".join(errors))
    return expected_files


def _check_space(folder: Path, expected_files: list[tuple[Path, ExpectedFile]]) -> None:
    needed = 0
    for target, expected in expected_files:
        present = max((path.stat().st_size for path in (target, part_path(target)) if path.exists()), default=0)
        needed += max(0, (expected.size or 0) - present)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        names = ", ".join(target.name for target, _ in expected_files)
        raise VolumeFault(
            f"{needed:,} more bytes are needed for {names} in {folder}; the disk has {free:,} free. "
            "Use a larger volume or container disk.",
            ExitCode.VOLUME_FULL,
        )


def _provide(hub: Hub, target: Path, model: LockedModel, expected: ExpectedFile, hf_cache: Path | None) -> None:
    if is_recorded(target, model) or verify(target, expected) or link_cached(target, model, expected, hf_cache):
        return
    part = part_path(target)
    resumed = part.exists()
    log.info("%s: downloading, %s bytes", model.file, "unknown" if expected.size is None else f"{expected.size:,}")
    fault = _download(hub, part, model, expected)
    if fault is not None and resumed:
        # The partial file may be of another revision: downloads the whole file once.
        log.warning("%s; downloading it again from the start", fault)
        fault = _download(hub, part, model, expected)
    if fault is not None:
        raise ModelUnavailable(
            f"{fault}; it was deleted. If the file was changed on purpose, run `comfy2runpod lock` again."
        )
    part.replace(target)
    record_verified(target, expected.sha256)
    log.info("%s: complete", model.file)


def _download(hub: Hub, part: Path, model: LockedModel, expected: ExpectedFile) -> str | None:
    """Downloads a file completely and verifies it. Deletes a wrong one, and returns what is wrong."""
    sha256 = hub.download(model.url, model.file, part, expected.size)
    size = part.stat().st_size
    fault = None
    if expected.size not in (None, size):
        fault = f"{model.file} has {size:,} bytes, expected {expected.size:,}"
    elif expected.sha256 not in (None, sha256):
        fault = f"{model.file} has the sha256 {sha256}, expected {expected.sha256}"
    if fault is not None:
        part.unlink()
        return fault
    # Before the rename: after a power failure, the final name must not belong to an incomplete file.
    with part.open("rb") as file:
        os.fsync(file.fileno())
    return None


def provision_worker(
    lock: ModelLock, folder: Path, settings: Settings, baked: Collection[LockedModel] = frozenset()
) -> None:
    """Makes every file of the lock available to a worker.

    Args:
        lock: the lock.
        folder: the models directory.
        settings: the worker's settings.
        baked: the models that the image has.

    Raises:
        VolumeFault: the folder's disk is not mounted, not writable, or full.
        ModelUnavailable: files cannot be downloaded, or do not match the lock.
    """
    check_mounted(folder, settings, read_mounts())
    needed = tuple(model for model in lock.models if model not in baked)
    needed_lock = lock.model_copy(update={"models": needed})
    provision(needed_lock, folder, settings.hf_cache_dir, settings.model_wait_seconds)


def main() -> int:
    """Runs the command; returns the worker's exit code. Exits with 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m comfy2runpod_runtime.models.provision")
    parser.add_argument("lock", type=Path)
    parser.add_argument("--models-dir", type=Path, help="by default MODELS_DIR")
    options = parser.parse_args()
    configure_logging("auto")
    try:
        settings = Settings.read()
        folder = options.models_dir or models_dir(settings, read_mounts())
        provision_worker(read_lock(options.lock), folder, settings)
    except ModelUnavailable as error:
        sys.stderr.write(Redactor(os.environ)(f"{error.code}: {error.message}\n"))
        return error.exit_code
    except SettingsError as error:
        sys.stderr.write(Redactor(os.environ)(f"{error}\n"))
        return error.exit_code
    return ExitCode.ENDED


if __name__ == "__main__":
    sys.exit(main())
