"""Runs a package's own handler on one input, as a process.

    python -m comfy2runpod_runtime.run_once PACKAGE --input FILE --output FILE [--progress FD] [--brief]

FILE holds the job's `input` as JSON; the answer is written as JSON. COMFYUI_URL says which ComfyUI runs it. FD is an
open file that gets a line of JSON for each state and each update of progress, and no media. Exit code 0 if there is an
answer, an error among them; 1 if the package cannot be run; 2 for wrong usage; 130 if it was interrupted, and ComfyUI
told so.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.endpoint import Endpoint
from comfy2runpod_runtime.errors import PackageError, SettingsError

_INTERRUPTED = 130
# What of an update is told: of files, none.
_TOLD = ("state", "node", "percent", "step", "of")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m comfy2runpod_runtime.run_once", description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--progress", type=int, metavar="FD", help="gets a line of JSON for each update")
    parser.add_argument("--brief", action="store_true", help="log only what the answer does not say")
    options = parser.parse_args()
    try:
        job_input = json.loads(options.input.read_text("utf-8"))
        endpoint = load_endpoint(options.package)
    except (PackageError, SettingsError, OSError, ValueError) as error:
        sys.stderr.write(f"The package cannot be run: {error}\n")
        return 1
    endpoint.log(brief=options.brief)
    if options.progress is not None:
        endpoint.watch = _told_to(options.progress)
    try:
        answer = asyncio.run(endpoint.handle({"id": "local", "input": job_input}))
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        endpoint.close()
    try:
        options.output.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"The answer cannot be written to {options.output}: {error.strerror}\n")
        return 1
    return 0


def _told_to(file: int) -> Callable[[JsonObject], None]:
    def tell(update: JsonObject) -> None:
        told = {key: value for key, value in update.items() if key in _TOLD}
        # Whoever listens no longer is not waited for.
        with suppress(OSError):
            os.write(file, json.dumps(told).encode() + b"\n")

    return tell


def load_endpoint(package: Path) -> Endpoint[BaseModel]:
    """The endpoint of a package's handler.py. Its modules are top-level ones, so a process can load one package.

    Raises:
        PackageError: there is no handler, or it defines no endpoint.
        SettingsError: the environment does not fit.
    """
    sys.path.insert(0, str(package.resolve()))
    try:
        endpoint = importlib.import_module("handler").endpoint
    except (ImportError, SyntaxError, AttributeError) as error:
        raise PackageError(f"{package}: handler.py gives no endpoint ({type(error).__name__}: {error})") from error
    if not isinstance(endpoint, Endpoint):
        raise PackageError(f"{package}: the endpoint of handler.py is no Endpoint of this runtime")
    return endpoint


if __name__ == "__main__":
    sys.exit(main())
