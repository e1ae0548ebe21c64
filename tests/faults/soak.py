"""Jobs in a row with random faults: each answered once, as it should be, and the worker's memory and handles flat.

    python -m tests.faults.soak [--jobs 10000] [--seed 1] [--plot docs/soak.svg]

The package's handler runs in this process, job after job, as the SDK's loop calls it; the loop itself takes one a
second. ComfyUI's stand-in is a process of its own, so that what is measured is the worker's. Exit code 1 if a job was
lost, doubled or answered wrongly, or if memory or handles grew.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.standins.comfyui import LOG, PROGRAM, State

from .harness import GENERATED, free_port, judge
from .table import FAULTS, SUCCESS, WELL, Fault

# Bounds that make a fault short; a fault that needs a second and more is in the suite, not here.
SETTINGS = {
    "POLL_SECONDS": "0.05",
    "REQUEST_TIMEOUT_SECONDS": "5",
    "COMFYUI_SILENCE_SECONDS": "1",
    "COMFYUI_STALL_SECONDS": "4",
    # A connection may be lost just before a job whose node hangs, so that nothing tells of it.
    "COMFYUI_BLIND_SECONDS": "10",
    "COMFYUI_INTERRUPT_SECONDS": "2",
}
_LOST_SECONDS = 60
_FAULTY = 0.3
_SAMPLE_EVERY = 50
_WARM = 200
_TOO_LONG = frozenset({"websocket-mute", "websocket-refused", "slow-job", "history-late", "prompt-slow"})


@dataclass(frozen=True)
class Sample:
    """What the worker holds after so many jobs: bytes, descriptors, threads, tasks."""

    jobs: int
    memory: int
    files: int
    threads: int
    tasks: int


@dataclass(frozen=True)
class Soaked:
    """What came of it. `wrong`: jobs that were lost, doubled or answered otherwise, in words."""

    wrong: tuple[str, ...]
    caused: Counter[str]
    samples: tuple[Sample, ...]
    seconds: float

    def grown(self) -> list[str]:
        """What grew after the first jobs, comparing the first and the last third by their medians."""
        settled = [sample for sample in self.samples if sample.jobs >= _WARM] or list(self.samples)
        third = max(1, len(settled) // 3)
        found = []
        for name, allowed in (("memory", 16 << 20), ("files", 2), ("threads", 1), ("tasks", 1)):
            first, last = (
                sorted(getattr(sample, name) for sample in part)[len(part) // 2]
                for part in (settled[:third], settled[-third:])
            )
            if last - first > allowed:
                found.append(f"{name} grew from {first:,} to {last:,}")
        return found


def chosen() -> tuple[Fault, ...]:
    """The faults that leave the worker as it is and take a moment."""
    return tuple(
        replace(fault, behaviour=replace(fault.behaviour, seconds=0.0))
        for fault in FAULTS
        if not fault.alone and not fault.act and fault.name not in _TOO_LONG
    )


async def soak(jobs: int, seed: int, endpoint: Any, state: State) -> Soaked:
    chance, faults = random.Random(seed), chosen()
    wrong: list[str] = []
    samples: list[Sample] = []
    caused: Counter[str] = Counter()
    well = Fault("well", "Nothing goes wrong.", SUCCESS, replace(WELL, seconds=0.0))
    began = time.monotonic()
    for number in range(1, jobs + 1):
        fault = chance.choice(faults) if chance.random() < _FAULTY else well
        caused[fault.name] += 1
        # Only what this job does is of interest.
        (state.folder / LOG).unlink(missing_ok=True)
        state.behave(fault.behaviour)
        job = {"id": f"job-{number}", "input": {"prompt": "a cat", "seed": number}}
        try:
            answer = dict(await asyncio.wait_for(endpoint.handle(job), _LOST_SECONDS))
        except TimeoutError:
            wrong.append(f"job {number}, {fault.name}: no answer in {_LOST_SECONDS} s")
            continue
        error = answer.pop("error", None)
        result, told = judge({"error": error} if error is not None else {"output": answer})
        runs = len(state.seen("running"))
        if result != fault.expected:
            wrong.append(f"job {number}, {fault.name}: {result} instead of {fault.expected} {told[:120]}")
        elif result == SUCCESS and answer.get("seed") != number:
            wrong.append(f"job {number}, {fault.name}: the answer of another job")
        elif fault.once and runs > 1:
            wrong.append(f"job {number}, {fault.name}: it ran {runs} times")
        if number % _SAMPLE_EVERY == 0:
            samples.append(_sample(number))
    return Soaked(tuple(wrong), caused, tuple(samples), time.monotonic() - began)


def _sample(jobs: int) -> Sample:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return Sample(jobs, pages * os.sysconf("SC_PAGE_SIZE"), files, threading.active_count(), len(asyncio.all_tasks()))


@contextmanager
def worker(folder: Path, package_name: str = "t2i_klein_4b") -> Iterator[tuple[Any, State]]:
    """A package's endpoint in this process, on a stand-in in another."""
    state, port = State(folder / "state"), free_port()
    command = [sys.executable, str(PROGRAM), "--state", str(state.folder), "--port", str(port)]
    package = str(GENERATED / package_name)
    before = dict(os.environ)
    with (folder / "comfyui.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            while not (state.folder / LOG).exists() or not state.seen("started"):
                time.sleep(0.05)
            os.environ.update(SETTINGS, COMFYUI_URL=f"http://127.0.0.1:{port}", TMPDIR=str(folder))
            sys.path.insert(0, package)
            for name in ("handler", "patch", "schema"):
                sys.modules.pop(name, None)
            yield importlib.import_module("handler").endpoint, state
        finally:
            for name in ("handler", "patch", "schema"):
                sys.modules.pop(name, None)
            if package in sys.path:
                sys.path.remove(package)
            os.environ.clear()
            os.environ.update(before)
            process.kill()


def _plot(soaked: Soaked, path: Path) -> None:
    """Memory and descriptors over the jobs, each from zero, as an SVG."""
    width, height, left, top = 900, 420, 70, 50
    last = soaked.samples[-1].jobs
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="26" font-size="16">{last:,} jobs in a row, three of ten with a random fault</text>',
    ]
    curves = [
        ("memory, MB", "#1f77b4", [sample.memory / 1e6 for sample in soaked.samples]),
        ("open descriptors", "#d62728", [float(sample.files) for sample in soaked.samples]),
        ("threads", "#2ca02c", [float(sample.threads) for sample in soaked.samples]),
    ]
    high = max(max(values) for _, _, values in curves) * 1.15
    for n in range(6):
        value, y = high * n / 5, height - 50 - (height - top - 50) * n / 5
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{width - 190}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.0f}</text>')
        x = left + (width - 190 - left) * n / 5
        parts.append(f'<text x="{x:.1f}" y="{height - 28}" text-anchor="middle">{last * n // 5:,}</text>')
    for index, (name, color, values) in enumerate(curves):
        points = " ".join(
            f"{left + (width - 190 - left) * sample.jobs / last:.1f},"
            f"{height - 50 - (height - top - 50) * value / high:.1f}"
            for sample, value in zip(soaked.samples, values, strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        parts.append(f'<text x="{width - 176}" y="{top + 20 + 22 * index}" fill="{color}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>", ""]), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, worker(Path(folder)) as (endpoint, state):
        soaked = asyncio.run(soak(options.jobs, options.seed, endpoint, state))
        left = sorted(str(path) for path in Path(folder).glob("comfy2runpod*"))
    first, last = soaked.samples[0], soaked.samples[-1]
    faulty = options.jobs - soaked.caused["well"]
    print(f"{options.jobs:,} jobs, {faulty:,} with one of {len(chosen())} faults, in {soaked.seconds:.0f} s")
    for name in ("memory", "files", "threads", "tasks"):
        print(f"{name:8} {getattr(first, name):,} after {first.jobs} jobs, {getattr(last, name):,} after {last.jobs:,}")
    found = [*soaked.wrong, *soaked.grown(), *(f"left: {name}" for name in left)]
    print(json.dumps(found[:20], indent=1) if found else "none lost, none doubled, none answered wrongly; nothing grew")
    if options.plot:
        _plot(soaked, options.plot)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
