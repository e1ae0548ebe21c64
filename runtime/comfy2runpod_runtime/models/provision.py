"""Downloads the model files of a lock before ComfyUI starts. Each is complete and verified, or absent.

    python -m comfy2runpod_runtime.models.provision models.lock.json --models-dir DIR [--model-paths FILE]

A file is downloaded to `<name>.part`, resumed after an interruption, also by another process, verified by size and
sha256, and renamed atomically. `.<name>.checked` records the verification, so that a later start need not read 27 GB
again. If the lock has no size or hash (`comfy2runpod lock` was not run), those that the hub states are used. FILE is
written when all files are complete: it lists their folders for ComfyUI (`--extra-model-paths-config`).
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from pathlib import Path

from comfy2runpod_runtime.errors import ModelUnavailable, SettingsError
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
from comfy2runpod_runtime.operations.logs import configure_logging
from comfy2runpod_runtime.operations.redaction import Redactor
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)


def provision(lock: ModelLock, models_dir: Path, hf_cache: Path | None = None, wait_seconds: float = 7200) -> None:
    """Makes every file of the lock available as `models_dir/<directory>/<file>`.

    All checks that need no download are made for all files first.

    Args:
        lock: the lock.
        models_dir: the models directory.
        hf_cache: RunPod's cache of Hugging Face repositories.
        wait_seconds: how long to wait for another worker that downloads the same file.

    Raises:
        ModelUnavailable: files cannot be downloaded, or do not match the lock.
    """
    models = [model.with_canonical_url() for model in lock.models]
    targets = {model: models_dir / lock.place(model).path for model in models}
    missing = [model for model, target in targets.items() if not is_recorded(target, model)]
    if not missing:
        return
    try:
        with Hub() as hub:
            expected_files = _expected_files(hub, missing)
            _check_space(models_dir, [(targets[model], expected) for model, expected in expected_files])
            for model, expected in expected_files:
                target = targets[model]
                with file_lock(target, wait_seconds):
                    _provide(hub, target, model, expected, hf_cache)
    except OSError as error:
        path = Path(error.filename).name if isinstance(error.filename, str) else "the models folder"
        raise ModelUnavailable(
            f"{path} cannot be written ({error.strerror}): check the volume and its space."
        ) from error


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


def _check_space(models_dir: Path, expected_files: list[tuple[Path, ExpectedFile]]) -> None:
    needed = 0
    for target, expected in expected_files:
        present = max((path.stat().st_size for path in (target, part_path(target)) if path.exists()), default=0)
        needed += max(0, (expected.size or 0) - present)
    models_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(models_dir).free
    if free < needed:
        names = ", ".join(target.name for target, _ in expected_files)
        raise ModelUnavailable(
            f"{needed:,} more bytes are needed for {names}; the disk has {free:,} free. "
            "Use a larger volume or container disk."
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


def _write_model_paths(text: str, file: Path) -> None:
    try:
        part = part_path(file)
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        raise ModelUnavailable(f"{file} cannot be written ({error.strerror}).") from error


def main() -> int:
    """Runs the command; returns 0 if every file is complete, 1 if one is not. Exits with 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m comfy2runpod_runtime.models.provision")
    parser.add_argument("lock", type=Path)
    parser.add_argument("--models-dir", type=Path, help="by default MODELS_DIR")
    parser.add_argument("--model-paths", type=Path, help="written when all is complete: the folders, for ComfyUI")
    options = parser.parse_args()
    configure_logging("auto")
    try:
        settings = Settings.read()
        models_dir = options.models_dir or settings.models_dir
        lock = read_lock(options.lock)
        provision(lock, models_dir, settings.hf_cache_dir, settings.model_wait_seconds)
        if options.model_paths is not None:
            _write_model_paths(lock.extra_model_paths(models_dir), options.model_paths)
    except ModelUnavailable as error:
        sys.stderr.write(Redactor(os.environ)(f"{error.code}: {error.message}\n"))
        return 1
    except SettingsError as error:
        sys.stderr.write(Redactor(os.environ)(f"{error}\n"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
