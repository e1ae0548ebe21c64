"""Runs the faults and prints what came of each.

python -m tests.faults [--worker-comfyui CHECKOUT] [--only NAME …] [--lanes N] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import tempfile
import time
from pathlib import Path

from .harness import Outcome, Rival, run
from .table import FAULTS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker-comfyui", type=Path)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    faults = tuple(fault for fault in FAULTS if not options.only or fault.name in options.only)
    rival = Rival()
    if options.worker_comfyui:
        rival = Rival("worker-comfyui", options.worker_comfyui.resolve(), patience_seconds=45)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        outcomes: dict[str, Outcome] = asyncio.run(
            run(faults, options.folder or Path(folder), rival, options.lanes)
        )
    good = 0
    for fault in faults:
        found = outcomes[fault.name].faults(fault, rival.kind)
        good += not found
        print(f"{'ok  ' if not found else 'FAIL'} {fault.name:24} {outcomes[fault.name].seconds:6.2f} s  {'; '.join(found)}")
    print(f"{rival.kind}: {good} of {len(faults)} as they should be, in {time.monotonic() - began:.0f} s")
    if options.json:
        options.json.write_text(
            json.dumps({name: dataclasses.asdict(outcome) for name, outcome in outcomes.items()}, indent=1)
        )


if __name__ == "__main__":
    main()
