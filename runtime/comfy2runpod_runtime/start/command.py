"""The console script of a worker's image.

    comfy2runpod-runtime start [--package DIR] [OPTION OF THE RUNPOD SDK]…

DIR is the package's folder; by default the current folder. The exit codes are those of `exit_codes.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from comfy2runpod_runtime.operations.logs import configure_logging
from comfy2runpod_runtime.start.process_one import supervise


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="comfy2runpod-runtime", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start the worker of a package", allow_abbrev=False)
    start.add_argument("--package", type=Path, default=Path(), help="its folder; by default the current one")
    options, for_sdk = parser.parse_known_args()
    # A wrong value of LOG_FORMAT is reported by the worker, with all other wrong variables.
    log_format = os.environ.get("LOG_FORMAT")
    configure_logging("json" if log_format == "json" else "text" if log_format == "text" else "auto")
    worker = [sys.executable, "-u", "-m", "comfy2runpod_runtime.start.worker"]
    return supervise([*worker, "--package", str(options.package.absolute()), *for_sdk])
