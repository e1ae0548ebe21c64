"""Measures against named rivals in the same run, and prints ratios; `make bench` also writes benchmarks/results.md.

overview    conversion of our own graph beside comfy-cli's converter, the whole `comfy2runpod compile` as a process, and
            what the runtime costs beside the job, on the simulator with nodes that take no time
templates   every public template, with all checks, beside comfy-cli's converter
growth      time and memory over the number of nodes, up to 10⁵
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import growth
import memory
import overhead as handlers
import templates
from comfy_cli.workflow_to_api import convert_ui_to_api
from templates import RIVAL

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.server_info import object_info
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, candidates, convert_by
from comfy2runpod.simulator import running_simulator
from comfy2runpod.stages.load import document_of

ROOT = Path(__file__).parent.parent
CPU_INFO = Path("/proc/cpuinfo")
GRAPH = ROOT / "graphs" / "t2v_ltx2.json"
ROUNDS, BLOCKS = 30, 9


def milliseconds(work: Callable[[], object]) -> float:
    """The least over blocks of the mean CPU time of one call."""
    blocks = []
    for _ in range(BLOCKS):
        start = time.process_time()
        for _ in range(ROUNDS):
            work()
        blocks.append((time.process_time() - start) * 1000 / ROUNDS)
    return min(blocks)


def conversion() -> list[str]:
    """Saved graph -> prompt alone, unchecked, both from the parsed file."""
    catalog = load_catalog()
    graph = json.loads(GRAPH.read_bytes())
    info = object_info(catalog)

    def ours() -> object:
        document = document_of(graph, GRAPH.name)
        profile = candidates(document, catalog, Options())[0]
        return prompt_to_json(convert_by(document, catalog, profile, Options()).graph.prompt())

    def theirs() -> object:
        return convert_ui_to_api(graph, info)

    ours(), theirs()
    a, b = milliseconds(ours), milliseconds(theirs)
    return [
        f"| conversion alone, of {GRAPH.name} | {a:.2f} ms | {RIVAL} convert_ui_to_api: {b:.2f} ms | {a / b:.2f}x |"
    ]


def process_seconds(command: list[str], rounds: int = 5) -> float:
    """The least CPU time of a whole process."""
    seconds = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=os.environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)


def whole_compile() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        least = process_seconds([sys.executable, "-m", "comfy2runpod", "compile", str(GRAPH), "-o", folder])
    return [f"| compile, whole process, of {GRAPH.name} | {least:.2f} s CPU | bound of 1 s CPU | {least / 1:.2f}x |"]


def start() -> list[str]:
    """How long an import and a command take that do nothing, beside Python itself and click."""
    none, click = (process_seconds([sys.executable, "-c", code], 15) * 1000 for code in ("pass", "import click"))
    called = {
        "`import comfy2runpod`": ["-c", "import comfy2runpod"],
        "`comfy2runpod --version`": ["-m", "comfy2runpod", "--version"],
        "`comfy2runpod --help`": ["-m", "comfy2runpod", "--help"],
        "`comfy2runpod compile --help`": ["-m", "comfy2runpod", "compile", "--help"],
    }
    rows = []
    for what, arguments in called.items():
        ours = process_seconds([sys.executable, *arguments], 15) * 1000
        beside = f"`import click`: {click:.0f} ms; Python itself: {none:.0f} ms"
        rows.append(f"| {what}, whole process | {ours:.0f} ms CPU | {beside} | {ours / click:.2f}x |")
    return rows


def overhead() -> list[str]:
    """The phases of a job that are ours, from the worker's own log lines, over a small video."""
    package = ROOT / "generated" / "t2v_ltx2"
    jobs = [
        {"prompt": "a cat", "width": 128, "height": 128, "frame_count": 9, "seed": seed, "negative_prompt": ""}
        for seed in range(30)
    ]
    code = (
        "import asyncio, json, sys\n"
        "from comfy2runpod_runtime.operations.logs import configure_logging\n"
        "from handler import handler\n"
        "configure_logging('json', sys.stdout)\n"
        "async def all():\n"
        "    for job in json.load(sys.stdin): await handler({'id': 'bench', 'input': job})\n"
        "asyncio.run(all())\n"
    )
    with running_simulator(load_catalog()) as simulator:
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(jobs),
            env={**os.environ, "COMFYUI_URL": simulator.url, "PYTHONPATH": str(package)},
            capture_output=True,
            text=True,
            check=True,
        )
    lines = [line for line in map(json.loads, done.stdout.splitlines()) if "result" in line][5:]
    if not lines or any(line["result"] != "done" for line in lines):
        raise SystemExit(f"the jobs failed: {done.stdout}")
    own = ("validate", "fetch", "wait", "queue", "collect", "measure", "deliver")
    medians = {name: statistics.median(line["timings"][name] for line in lines) * 1000 for name in own}
    ours, whole = sum(medians.values()), statistics.median(line["seconds"] for line in lines) * 1000
    parts = ", ".join(f"{name} {value:.1f}" for name, value in medians.items())
    return [f"| runtime beside the job | {ours:.1f} ms ({parts}) | whole job: {whole:.1f} ms | {ours / whole:.2f}x |"]


def overview() -> list[str]:
    return [
        "| what | comfy2runpod | beside | ratio |",
        "| --- | --- | --- | --- |",
        *conversion(),
        *whole_compile(),
        *start(),
        *overhead(),
        "",
    ]


def machine() -> str:
    """Where the figures are from."""
    names = [
        line.partition(":")[2].strip() for line in CPU_INFO.read_text().splitlines() if line.startswith("model name")
    ]
    return (
        f"The last run of `make bench`: {len(names)} cores of {names[0]}, Python {platform.python_version()}. It is "
        f"CPU time, since others may use the machine: the load was {os.getloadavg()[0]:.0f} at the start."
    )


PARTS = {
    "overview": overview,
    "handler": handlers.report,
    "memory": memory.report,
    "templates": templates.report,
    "growth": growth.report,
}


def main() -> None:
    """Runs all parts and writes results.md; those that are named are only printed."""
    where = machine()
    wanted = sys.argv[1:] or list(PARTS)
    text = "\n".join(line for part in wanted for line in PARTS[part]())
    print(text)
    if wanted == list(PARTS):
        (Path(__file__).parent / "results.md").write_text(f"# Results\n\n{where}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
