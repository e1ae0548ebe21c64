"""Puts small model files into an image while it is built: `comfy2runpod build --bake SIZE`.

    python -m comfy2runpod_runtime.models.bake --package DIR --largest BYTES

Those of the package's models.lock.json that are no larger are downloaded, verified, and listed as baked.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from comfy2runpod_contract.model_urls import MODEL_TOKENS
from comfy2runpod_runtime.errors import ModelUnavailable
from comfy2runpod_runtime.exit_codes import ExitCode
from comfy2runpod_runtime.models.baked import baked_folder, list_baked
from comfy2runpod_runtime.models.local_files import remove_notes
from comfy2runpod_runtime.models.lock import LockedModel, ModelLock, read_lock
from comfy2runpod_runtime.models.provision import provision
from comfy2runpod_runtime.models.volume import write_fault
from comfy2runpod_runtime.operations.logs import configure_logging
from comfy2runpod_runtime.operations.redaction import Redactor

log = logging.getLogger(__name__)

# Where the Dockerfile mounts the tokens of who builds, which are in no layer.
_SECRETS = Path("/run/secrets")
_MAX_TOKEN_BYTES = 10_000


def bake(lock: ModelLock, folder: Path, largest: int) -> tuple[LockedModel, ...]:
    """Puts the small models of a lock into a folder, verified, and lists them there.

    Args:
        lock: the lock.
        folder: the image's models, which need not exist.
        largest: the size in bytes up to which a model is put there.

    Returns:
        The models that were put there.

    Raises:
        ModelUnavailable: the lock tells no size or hash of a model, or a file cannot be had.
    """
    unknown = [model.file for model in lock.models if model.size is None or model.sha256 is None]
    if unknown:
        raise ModelUnavailable(
            f"models.lock.json tells no size or no sha256 of {', '.join(unknown)}. Run `comfy2runpod lock` on the "
            "graph and compile it again, then build."
        )
    small = tuple(model for model in lock.models if model.size is not None and model.size <= largest)
    if small:
        provision(lock.model_copy(update={"models": small}), folder)
        try:
            for model in small:
                remove_notes(folder / lock.place(model).path)
            list_baked(lock, small, folder)
        except OSError as error:
            raise write_fault(error, folder) from error
    return small


def _take_tokens(folder: Path) -> None:
    """Takes the builder's tokens into this process's environment."""
    for name in MODEL_TOKENS:
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                os.environ[name] = file.read(_MAX_TOKEN_BYTES).decode("ascii", "replace")


def main() -> int:
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m comfy2runpod_runtime.models.bake", allow_abbrev=False)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--largest", type=int, required=True, metavar="BYTES")
    options = parser.parse_args()
    configure_logging("auto")
    if options.largest <= 0:
        return ExitCode.ENDED
    _take_tokens(_SECRETS)
    try:
        lock = read_lock(options.package / "models.lock.json")
        for model in bake(lock, baked_folder(options.package), options.largest):
            log.info("%s: in the image", model.file)
    except ModelUnavailable as error:
        sys.stderr.write(Redactor(os.environ)(f"{error.code}: {error.message}\n"))
        return error.exit_code
    return ExitCode.ENDED


if __name__ == "__main__":
    sys.exit(main())
