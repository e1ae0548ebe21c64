"""Causes the faults, and prints the result of each. Exit code 1 if our worker does not end each as it should.

python -m tests.faults [--worker-comfyui CHECKOUT [--report PAGE]] [--only NAME …] [--lanes N]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from .harness import OURS, Outcome, Rival, run
from .report import write_report
from .table import FAULTS, Fault


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker-comfyui", type=Path, help="a checkout of it, whose handler is given the same")
    parser.add_argument("--report", type=Path, help="the page that the table is written into")
    parser.add_argument("--only", nargs="+", help="these faults, in our worker or, with a checkout, only in that one")
    parser.add_argument("--lanes", type=int, default=6, help="workers at once")
    parser.add_argument("--folder", type=Path, help="keep what the workers wrote here")
    options = parser.parse_args()
    faults = tuple(fault for fault in FAULTS if not options.only or fault.name in options.only)
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        folder = options.folder or Path(temporary)
        other = None
        if options.worker_comfyui:
            other = Rival("worker-comfyui", options.worker_comfyui.resolve(), patience_seconds=45)
        ours = {} if other and options.only else _caused(faults, folder / "ours", OURS, options.lanes)
        theirs = _caused(faults, folder / "theirs", other, options.lanes) if other else {}
    if options.report and not options.only:
        write_report(options.report, ours, theirs)
    return any(outcome.faults(fault) for fault in faults if (outcome := ours.get(fault.name)))


def _caused(faults: tuple[Fault, ...], folder: Path, rival: Rival, lanes: int) -> dict[str, Outcome]:
    began = time.monotonic()
    outcomes = asyncio.run(run(faults, folder, rival, lanes))
    good = 0
    for fault in faults:
        outcome = outcomes[fault.name]
        found = outcome.faults(fault, rival.kind)
        good += not found
        print(f"{'FAIL' if found else 'ok  '} {fault.name:28} {outcome.seconds:6.2f} s  {'; '.join(found)}")
    print(f"{rival.kind}: {good} of {len(faults)} as they should be, in {time.monotonic() - began:.0f} s")
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
