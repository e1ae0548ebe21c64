"""Runs a package's own handler on one input, as a process.

    python -m comfy2runpod_runtime.once PACKAGE --input FILE --output FILE

FILE holds the job's `input` as JSON; the answer is written as JSON. COMFYUI_URL says which ComfyUI runs it. Exit code
0 if there is an answer, an error among them; 1 if the package cannot be run.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import sys
from pathlib import Path

from comfy2runpod_runtime.errors import PackageError


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m comfy2runpod_runtime.once", description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    package = options.package.resolve()
    try:
        job_input = json.loads(options.input.read_text("utf-8"))
        sys.path.insert(0, str(package))
        endpoint = importlib.import_module("handler").endpoint
    except (PackageError, OSError, ImportError, AttributeError, ValueError) as error:
        sys.stderr.write(f"The package cannot be run: {error}\n")
        return 1
    try:
        answer = asyncio.run(endpoint.handle({"id": "local", "input": job_input}))
    finally:
        endpoint.close()
    options.output.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
