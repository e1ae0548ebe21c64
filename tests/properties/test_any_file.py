"""Whatever a file holds, compiling it ends in a package or in diagnostics, never in another exception."""

from __future__ import annotations

import json
import os
from importlib import resources
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from .ending import ends_well
from .graphs import Case, graphs
from .hostile import any_json, as_file, damaged

EDITORS = (None, "1.43", "1.58")
# How many damaged copies in all: a slice in CI, COUNT of them from SEED with `make fuzz`.
COUNT = int(os.environ.get("FUZZ_COUNT", "240"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
WORKERS = 4


@given(data=st.binary(max_size=200), editor=st.sampled_from(EDITORS))
@example(data=b"\xff\xfe{\x00}\x00", editor=None)
@example(data=b'{"nodes": [' + b"[" * 100_000, editor=None)
@example(data=b'{"nodes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", editor=None)
@example(data=b'{"nodes": [], "links": [], "extra": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", editor=None)
def test_any_bytes(data: bytes, editor: str | None) -> None:
    ends_well(data, editor)


@given(value=any_json, editor=st.sampled_from(EDITORS))
def test_any_json(value: Any, editor: str | None) -> None:
    ends_well(as_file(value), editor)


@given(case=graphs(), seed=st.integers(0, 2**32), editor=st.sampled_from(EDITORS))
def test_random_graphs_with_damage(case: Case, seed: int, editor: str | None) -> None:
    ends_well(as_file(damaged(case.graph, seed)), editor)


@pytest.mark.parametrize("worker", range(WORKERS))
def test_templates_with_damage(worker: int) -> None:
    folder = resources.files("comfyui_workflow_templates_json").joinpath("templates")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".json"))
    for number in range(worker, COUNT, WORKERS):
        seed = SEED * 1_000_003 + number
        # One of a spread of templates, so that a slice meets them all in time.
        name = names[seed * 7919 % len(names)]
        data = as_file(damaged(json.loads(folder.joinpath(name).read_bytes()), seed))
        try:
            ends_well(data, EDITORS[seed % len(EDITORS)])
        except Exception as error:
            raise AssertionError(f"{name} damaged with seed {seed}: {error!r}") from error
