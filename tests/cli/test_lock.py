"""`comfy2runpod lock` against a hub on loopback: what it writes beside the graph, and what it says when it cannot."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.hub_standin import HubStandIn, serving

GRAPH = Path(__file__).parents[2] / "graphs" / "t2v_ltx2.json"
FILES = (
    "ltx-2-19b-dev-fp8.safetensors",
    "gemma_3_12B_it_fp4_mixed.safetensors",
    "ltx-2-19b-distilled-lora-384.safetensors",
    "ltx-2-spatial-upscaler-x2-1.0.safetensors",
)


@pytest.fixture
def hub() -> Iterator[HubStandIn]:
    with serving(HubStandIn(files={name: name.encode() * 10 for name in FILES})) as running:
        yield running


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    copy = tmp_path / "t2v_ltx2.json"
    copy.write_bytes(GRAPH.read_bytes())
    return copy


def comfy2runpod(hub: HubStandIn, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "comfy2runpod", *map(str, arguments)]
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_TELEMETRY": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_the_lock_holds_commit_size_and_sha256_of_every_file_and_the_package_takes_them(
    hub: HubStandIn, graph: Path, tmp_path: Path
) -> None:
    done = comfy2runpod(hub, "lock", graph)
    assert done.returncode == 0, done.stderr
    assert "4 of 4 files locked" in done.stdout
    assert comfy2runpod(hub, "compile", graph, "-o", tmp_path / "out").returncode == 0
    models = json.loads((tmp_path / "out" / "t2v_ltx2" / "models.lock.json").read_text())["models"]
    assert {model["file"]: (model["revision"], model["size"], model["sha256"]) for model in models} == {
        name: ("c0ffee", len(name) * 10, hashlib.sha256(name.encode() * 10).hexdigest()) for name in FILES
    }


@pytest.mark.parametrize(
    ("answer", "code", "remedy"),
    [
        ((403, "GatedRepo"), "gated-model", "Accept the licence"),
        ((404, "EntryNotFound"), "missing-model", "Correct the URL"),
        ((500, "Down"), "hub-unreachable", "Check the network"),
    ],
)
def test_a_file_that_cannot_be_locked_is_named_and_nothing_is_written(
    hub: HubStandIn, graph: Path, answer: tuple[int, str], code: str, remedy: str
) -> None:
    hub.refused[FILES[0]] = answer
    done = comfy2runpod(hub, "lock", graph)
    assert done.returncode == 1
    assert f"error[{code}]: {FILES[0]}" in done.stderr
    assert remedy in done.stderr
    assert not graph.with_suffix(".lock.json").exists()


def test_a_lock_that_is_none_is_refused(hub: HubStandIn, graph: Path, tmp_path: Path) -> None:
    graph.with_suffix(".lock.json").write_text("[]")
    done = comfy2runpod(hub, "compile", graph, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "error[bad-lock]" in done.stderr
