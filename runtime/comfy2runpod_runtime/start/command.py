"""The console script of a worker's image.

    comfy2runpod-runtime start [--package DIR] [OPTION OF THE RUNPOD SDK]…
    comfy2runpod-runtime start [--package DIR] --once JSON|FILE [--results DIR]

The package's folder is by default the current one. With --once, one job is run, without RunPod. The exit codes are
those of `exit_codes.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from comfy2runpod_runtime.operations.logs import configure_logging
from comfy2runpod_runtime.start.process_one import INTERRUPTED, supervise


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="comfy2runpod-runtime", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start the worker of a package", allow_abbrev=False)
    start.add_argument("--package", type=Path, default=Path(), help="its folder; by default the current one")
    start.add_argument("--once", metavar="JSON|FILE", help="run this job's input, print the answer, and end")
    start.add_argument("--results", type=Path, metavar="DIR", help="with --once: the folder for the answer's files")
    options, for_sdk = parser.parse_known_args()
    if options.results is not None and options.once is None:
        start.error("--results is for --once")
    if for_sdk and options.once is not None:
        start.error(f"with --once, the RunPod SDK does not run: {' '.join(for_sdk)} has no effect")
    # A wrong value of LOG_FORMAT is reported by the worker, with all other wrong variables.
    log_format = os.environ.get("LOG_FORMAT")
    configure_logging("json" if log_format == "json" else "text" if log_format == "text" else "auto")
    worker = [sys.executable, "-u", "-m", "comfy2runpod_runtime.start.worker"]
    worker += ["--package", str(options.package.absolute())]
    if options.once is None:
        return supervise([*worker, *for_sdk])
    worker.append(f"--once={options.once}")
    if options.results is not None:
        worker.append(f"--results={options.results}")
    # What it was started for is not done then.
    return supervise(worker, ended=INTERRUPTED)
