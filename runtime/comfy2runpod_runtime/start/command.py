"""The console script of a worker's image.

    comfy2runpod-runtime start [--package DIR] [OPTION OF THE RUNPOD SDK]…

DIR is the package's folder; by default the current folder. Exit codes: 0 if the worker was told to end; 1 if the model
files cannot be brought; 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

_VOLUME = Path("/runpod-volume")
_MODEL_PATHS = Path("/tmp/extra_model_paths.yaml")  # noqa: S108 - the image's own; ComfyUI reads it


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="comfy2runpod-runtime", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start the worker of a package", allow_abbrev=False)
    start.add_argument("--package", type=Path, default=Path(), help="its folder; by default the current one")
    options, for_sdk = parser.parse_known_args()
    package = options.package.absolute()
    models_dir = os.environ.get("MODELS_DIR") or str(
        _VOLUME / "models" if _VOLUME.is_dir() else Path("/opt/comfyui/models")
    )
    provision = [sys.executable, "-m", "comfy2runpod_runtime.models.provision", str(package / "models.lock.json")]
    provisioned = subprocess.run(  # noqa: S603 - our own command
        [*provision, "--models-dir", models_dir, "--model-paths", str(_MODEL_PATHS)], check=False
    )
    if provisioned.returncode != 0:
        sys.stderr.write("the model files could not be brought, for the reason above; the worker does not start\n")
        return 1
    os.environ["MODELS_DIR"] = models_dir
    arguments = f"{os.environ.get('COMFYUI_ARGS', '')} --extra-model-paths-config {_MODEL_PATHS}"
    os.environ["COMFYUI_ARGS"] = arguments.strip()
    return _become(package / "handler.py", for_sdk)


def _become(handler: Path, arguments: list[str]) -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-u", str(handler), *arguments])  # noqa: S606 - our own command
