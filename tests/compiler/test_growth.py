"""Conversion takes time with the number of nodes, not with its square: each of the shapes of `benchmarks/`."""

from __future__ import annotations

import json
import time

import pytest

from benchmarks.shapes import SHAPES
from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.pipeline import Options, convert

pytestmark = pytest.mark.slow

SMALL, TIMES = 500, 16
# Larger graphs fill caches and wake the collector of garbage: twice the time of a node. The square would be 256.
MOST = 5 * TIMES
# A machine that does something else beside may take longer once, not each time.
TRIES = 4


@pytest.mark.parametrize("shape", SHAPES)
def test_time_does_not_grow_with_the_square_of_the_nodes(shape: str) -> None:
    small, large = (json.dumps(SHAPES[shape](size)).encode() for size in (SMALL, SMALL * TIMES))
    ratios = (_seconds(large, 1) / _seconds(small, 5) for _ in range(TRIES))
    assert any(ratio < MOST for ratio in ratios)


def _seconds(data: bytes, rounds: int) -> float:
    """The least CPU time of some rounds."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        assert convert(data, "graph.json", load_catalog(), Options()).graph.nodes
        found.append(time.process_time() - start)
    return min(found)
