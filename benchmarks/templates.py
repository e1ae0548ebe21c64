"""Conversion with all its checks, beside comfy-cli's converter: every public template, in the same process, in turns.

Ours begins with the file's bytes and ends with a prompt that has passed the server's own check. Comfy-cli's begins with
the parsed graph and checks nothing; its time is given alone, and with the parsing of the same bytes.
"""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from resource import RUSAGE_CHILDREN, getrusage
from typing import Any

from comfy_cli.workflow_to_api import convert_ui_to_api

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.server_info import object_info
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.pipeline import Options, convert

ROUNDS = 7
SLOWEST = 10
RIVAL = f"comfy-cli {version('comfy-cli')}"


@dataclass(slots=True)
class Times:
    """The least CPU time of each, in seconds."""

    ours: float = float("inf")
    parsing: float = float("inf")
    theirs: float = float("inf")
    refused: bool = False

    @property
    def ratio(self) -> float:
        return self.ours / (self.parsing + self.theirs)

    @property
    def strict_ratio(self) -> float:
        return self.ours / self.theirs


def templates() -> Mapping[str, bytes]:
    folder = files("comfyui_workflow_templates_json") / "templates"
    texts = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(".json")}
    return {name: texts[name] for name in sorted(texts) if _is_graph(json.loads(texts[name]))}


def _is_graph(raw: object) -> bool:
    return isinstance(raw, dict) and isinstance(raw.get("nodes"), list)


def measure() -> Mapping[str, Times]:
    logging.disable(logging.CRITICAL)
    catalog = load_catalog()
    info = object_info(catalog)
    options = Options(allow_api_nodes=True)
    found: dict[str, Times] = {}
    graphs = templates()
    for _ in range(ROUNDS):
        for name, data in graphs.items():
            times = found.setdefault(name, Times())

            def ours(data: bytes = data, name: str = name, times: Times = times) -> None:
                try:
                    convert(data, name, catalog, options)
                except CompileError:
                    times.refused = True

            graph: Any = json.loads(data)
            times.ours = min(times.ours, seconds(ours))
            times.parsing = min(times.parsing, seconds(lambda data=data: json.loads(data)))
            times.theirs = min(times.theirs, seconds(lambda graph=graph: convert_ui_to_api(graph, info)))
    return found


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def report() -> list[str]:
    found = measure()
    accepted = {name: times for name, times in found.items() if not times.refused}
    refused = {name: times for name, times in found.items() if times.refused}
    explained = (
        f"Conversion with all its checks, from the file's bytes, beside {RIVAL}'s `convert_ui_to_api`, which checks "
        f"nothing and refuses none of them: {len(found)} graphs, in one process, in turns, the least CPU time of "
        f"{ROUNDS} rounds. *From bytes*: its time with the parsing of the file; *parsed*: the parsed graph is handed "
        "to it, and only ours parses."
    )
    return [
        "## Every public template",
        "",
        explained,
        "",
        "| graphs | comfy2runpod | its converter | ratio of sums | median of ratios | 95th percentile | slower |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *_rows(f"{len(accepted)} converted", accepted),
        *_rows(f"{len(refused)} refused", refused),
        "",
        f"The {SLOWEST} converted graphs where we are slowest beside it, from bytes:",
        "",
        "| graph | comfy2runpod | its converter | ratio |",
        "| --- | --- | --- | --- |",
        *_slowest(accepted),
        "",
        *startup(),
    ]


def _rows(what: str, found: Mapping[str, Times]) -> list[str]:
    ours = sum(times.ours for times in found.values())
    from_bytes = sum(times.parsing + times.theirs for times in found.values())
    parsed = sum(times.theirs for times in found.values())
    return [
        _row(f"{what}, from bytes", ours, from_bytes, [times.ratio for times in found.values()]),
        _row(f"{what}, parsed", ours, parsed, [times.strict_ratio for times in found.values()]),
    ]


def _row(what: str, ours: float, theirs: float, ratios: list[float]) -> str:
    last = statistics.quantiles(ratios, n=20)[-1]
    slower = sum(ratio > 1 for ratio in ratios)
    return (
        f"| {what} | {ours * 1000:.0f} ms | {theirs * 1000:.0f} ms | {ours / theirs:.2f}x | "
        f"{statistics.median(ratios):.2f}x | {last:.2f}x | {slower} |"
    )


def _slowest(found: Mapping[str, Times]) -> list[str]:
    names = sorted(found, key=lambda name: -found[name].ratio)[:SLOWEST]
    return [
        f"| {name.removesuffix('.json')} | {found[name].ours * 1000:.2f} ms | "
        f"{(found[name].parsing + found[name].theirs) * 1000:.2f} ms | {found[name].ratio:.2f}x |"
        for name in names
    ]


def startup() -> list[str]:
    """What comes before the first graph, as a process of its own: imports, and our catalog."""
    bare = process_seconds("pass")
    ours = process_seconds(
        "import comfy2runpod.pipeline; from comfy2runpod.catalog.classes import load_catalog; load_catalog()"
    )
    theirs = process_seconds("import comfy_cli.workflow_to_api")
    told = (
        f"Before the first graph: imports and catalog {(ours - bare) * 1000:.0f} ms of CPU; {RIVAL}'s imports alone, "
        f"without a server's answer to read, {(theirs - bare) * 1000:.0f} ms."
    )
    return [told, ""]


def process_seconds(code: str) -> float:
    found = []
    for _ in range(ROUNDS):
        before = getrusage(RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = getrusage(RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)
