"""Measures against named rivals in the same run, and prints ratios; `make bench` also writes benchmarks/results.md.

conversion   saved graph -> prompt, beside comfy-cli's convert_ui_to_api on the same parsed file
compile      the whole `comfy2runpod compile` as a process, in CPU seconds
overhead     what the runtime costs beside the job, on the simulator with nodes that take no time
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from comfy_cli.workflow_to_api import convert_ui_to_api

from comfy2runpod.bind import EditorChoice, bind
from comfy2runpod.catalog import load_catalog
from comfy2runpod.editor import PROFILES
from comfy2runpod.flatten import flatten
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.load import document_of
from comfy2runpod.server_info import object_info
from comfy2runpod.simulator import running_simulator

ROOT = Path(__file__).parent.parent
GRAPH = ROOT / "graphs" / "t2v_ltx2.json"
ROUNDS, BLOCKS = 50, 9


def milliseconds(work: Callable[[], object]) -> float:
    """The median over blocks of the mean CPU time of one call."""
    blocks = []
    for _ in range(BLOCKS):
        start = time.process_time()
        for _ in range(ROUNDS):
            work()
        blocks.append((time.process_time() - start) * 1000 / ROUNDS)
    return statistics.median(blocks)


def conversion() -> list[str]:
    catalog = load_catalog()
    graph = json.loads(GRAPH.read_bytes())
    info = object_info(catalog)
    profile = EditorChoice(PROFILES["1.43"], decided=True, file_version=None)

    def ours() -> object:
        flat, _ = flatten(document_of(graph, GRAPH.name), catalog, profile.profile)
        bound, _ = bind(flat, catalog, profile, allow_api_nodes=())
        return prompt_to_json(bound.prompt())

    def theirs() -> object:
        return convert_ui_to_api(graph, info)

    ours(), theirs()
    a, b = milliseconds(ours), milliseconds(theirs)
    rival = f"comfy-cli {version('comfy-cli')} convert_ui_to_api"
    return [f"| conversion | {a:.2f} ms | {rival}: {b:.2f} ms | {a / b:.2f}x |"]


def whole_compile() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "comfy2runpod", "compile", str(GRAPH), "-o", folder]
        seconds = []
        for _ in range(5):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=os.environ)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    median = statistics.median(seconds)
    return [f"| compile, whole process | {median:.2f} s CPU | bound of 1 s CPU | {median / 1:.2f}x |"]


def overhead() -> list[str]:
    """The phases of a job that are ours, from the worker's own log lines, over a small video."""
    package = ROOT / "generated" / "t2v_ltx2"
    jobs = [
        {"prompt": "a cat", "width": 128, "height": 128, "frame_count": 9, "seed": seed, "negative_prompt": ""}
        for seed in range(30)
    ]
    code = (
        "import asyncio, json, logging, sys\n"
        "logging.basicConfig(level=logging.INFO, format='%(message)s', stream=sys.stdout)\n"
        "logging.getLogger('httpx').setLevel(logging.WARNING)\n"
        "from handler import handler\n"
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
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"job"')][5:]
    if not lines or any(line["result"] != "done" for line in lines):
        raise SystemExit(f"the jobs failed: {done.stdout}")
    own = ("prepare", "wait", "connect", "queue", "collect", "measure", "encode")
    medians = {name: statistics.median(line.get(name, 0) for line in lines) * 1000 for name in own}
    ours, whole = sum(medians.values()), statistics.median(line["seconds"] for line in lines) * 1000
    parts = ", ".join(f"{name} {value:.1f}" for name, value in medians.items())
    return [f"| runtime beside the job | {ours:.1f} ms ({parts}) | whole job: {whole:.1f} ms | {ours / whole:.2f}x |"]


def main() -> None:
    lines = ["| what | comfy2runpod | beside | ratio |", "| --- | --- | --- | --- |", *conversion(), *whole_compile()]
    lines += overhead()
    text = "\n".join(lines) + "\n"
    print(text)
    (Path(__file__).parent / "results.md").write_text(f"# Results\n\nThe last run of `make bench`.\n\n{text}")


if __name__ == "__main__":
    main()
