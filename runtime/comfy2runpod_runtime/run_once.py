"""Runs one job of a package in this process.

    python -m comfy2runpod_runtime.run_once PACKAGE --input FILE --output FILE [--progress FD] [--brief]

The input FILE contains the job's `input` as JSON; the answer is written to the output FILE as JSON. COMFYUI_URL is the
ComfyUI to use. FD is an open file descriptor: a line of JSON is written to it for each state and progress update,
without media. Exit codes: 0 if there is an answer, also of a failed job; 1 if the package cannot be run; 2 for wrong
usage; 130 if the process was interrupted, after ComfyUI was told to stop.
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
from comfy2runpod_runtime.operations.redaction import Redactor

_INTERRUPTED = 130
# The fields of an update that are written; `files` is not.
_PROGRESS_FIELDS = ("state", "node", "percent", "step", "of")


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m comfy2runpod_runtime.run_once", description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument(
        "--progress", type=int, metavar="FD", help="file descriptor for progress updates, one line of JSON each"
    )
    parser.add_argument("--brief", action="store_true", help="log only what the answer does not contain")
    options = parser.parse_args()
    try:
        job_input = json.loads(options.input.read_text("utf-8"))
        endpoint = load_endpoint(options.package)
    except (PackageError, SettingsError, OSError, ValueError) as error:
        sys.stderr.write(Redactor(os.environ)(f"The package cannot be run: {error}\n"))
        return 1
    endpoint.configure_logging(brief=options.brief)
    if options.progress is not None:
        endpoint.on_progress(_progress_writer(options.progress))
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


def _progress_writer(file: int) -> Callable[[JsonObject], None]:
    def write(update: JsonObject) -> None:
        fields = {key: value for key, value in update.items() if key in _PROGRESS_FIELDS}
        # The reader may have closed its end.
        with suppress(OSError):
            os.write(file, json.dumps(fields).encode() + b"\n")

    return write


def load_endpoint(package: Path) -> Endpoint[BaseModel]:
    """Imports a package's handler.py. Its modules are top-level modules, so a process can load only one package.

    Args:
        package: the package's folder.

    Returns:
        The handler's `endpoint`.

    Raises:
        PackageError: the handler cannot be imported, or has no endpoint.
        SettingsError: environment variables are invalid.
    """
    sys.path.insert(0, str(package.resolve()))
    try:
        endpoint = importlib.import_module("handler").endpoint
    except (ImportError, SyntaxError, AttributeError) as error:
        raise PackageError(f"{package}: handler.py has no endpoint ({type(error).__name__}: {error})") from error
    if not isinstance(endpoint, Endpoint):
        raise PackageError(f"{package}: the endpoint of handler.py is not an Endpoint of this runtime")
    return endpoint


if __name__ == "__main__":
    sys.exit(main())
