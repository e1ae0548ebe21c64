"""How time and memory grow with the number of nodes: each shape of graph in a process of its own for each size.

As a program: `growth.py SHAPE SIZE` prints CPU seconds and peak memory as JSON.
"""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from plot import Curve, log_log
from shapes import SHAPES

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.cli.app import collect_seldom
from comfy2runpod.pipeline import Options, convert

HERE = Path(__file__).parent
SIZES = (100, 1_000, 10_000, 100_000)
# A small graph is over before the clock has moved: it is converted again and again for so long.
LEAST_SECONDS = 0.2
ROUNDS = 3
ONCE_FROM = 100_000


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: of a graph of so many nodes, those inside its instances too.

    `seconds` of CPU for its conversion with all checks; `memory` in bytes, beyond a process that converted a small one.
    """

    nodes: int
    seconds: float
    memory: int


def measure_here(shape: str, size: int) -> Point:
    data = json.dumps(SHAPES[shape](size)).encode()
    catalog = load_catalog()
    collect_seldom()
    # Types the classes, which is done once in a process.
    convert(json.dumps(SHAPES[shape](12)).encode(), "small.json", catalog, Options())
    before = _peak()
    least, spent = float("inf"), 0.0
    while spent < LEAST_SECONDS:
        start = time.process_time()
        convert(data, "graph.json", catalog, Options())
        seconds = time.process_time() - start
        least, spent = min(least, seconds), spent + seconds
    return Point(size, least, _peak() - before)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(shape: str, size: int) -> Point:
    """The least of several processes; of the largest graphs, that of one."""
    found = []
    for _ in range(ROUNDS if size < ONCE_FROM else 1):
        command = [sys.executable, __file__, shape, str(size)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE)
        found.append(Point(**json.loads(done.stdout)))
    return Point(found[0].nodes, min(p.seconds for p in found), min(p.memory for p in found))


def exponent(points: Sequence[Point]) -> float:
    """The slope of time over nodes, both as logarithms: 1 is linear. By least squares."""
    xs = [math.log(point.nodes) for point in points]
    ys = [math.log(point.seconds) for point in points]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def report() -> list[str]:
    found = {shape: [measure(shape, size) for size in SIZES] for shape in SHAPES}
    (HERE / "growth.svg").write_text(_plot(found), encoding="utf-8")
    explained = (
        "Conversion with all its checks, of graphs of our own in which one thing is there many times: CPU time for "
        "each node, and at the largest size the whole time and the memory that it takes. The exponent is "
        f"that of time over nodes from {SIZES[1]:,} to {SIZES[-1]:,}: 1 is linear."
    )
    return [
        "## Growth",
        "",
        explained,
        "",
        "![Time over nodes](growth.svg)",
        "",
        f"| shape | {' | '.join(f'{size:,}' for size in SIZES)} | exponent | seconds | memory |",
        f"| --- |{' --- |' * (len(SIZES) + 3)}",
        *(_row(shape, points) for shape, points in found.items()),
        "",
    ]


def _row(shape: str, points: Sequence[Point]) -> str:
    each = " | ".join(f"{point.seconds / point.nodes * 1e6:.0f} µs" for point in points)
    last = points[-1]
    return f"| {shape} | {each} | {exponent(points[1:]):.2f} | {last.seconds:.1f} s | {last.memory / 1e6:.0f} MB |"


def _plot(found: Mapping[str, Iterable[Point]]) -> str:
    curves = [Curve(shape, tuple((p.nodes, p.seconds) for p in points)) for shape, points in found.items()]
    return log_log(curves, title="Conversion with all checks", x_label="nodes", y_label="CPU seconds")


if __name__ == "__main__":
    point = measure_here(sys.argv[1], int(sys.argv[2]))
    print(json.dumps({"nodes": point.nodes, "seconds": point.seconds, "memory": point.memory}))
