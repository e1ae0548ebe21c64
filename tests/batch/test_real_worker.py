"""A batch against the real worker loop on loopback: a package's own handler behind RunPod's operations."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from comfy2runpod.local_endpoint import API_KEY, LocalEndpoint, running_endpoint

from .conftest import Place

PACKAGE = Path(__file__).parents[2] / "generated" / "t2i_klein_4b"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("worker") / "log"
    with running_endpoint(LocalEndpoint(PACKAGE, worker_log=log)) as url:
        yield url


def test_a_batch_that_is_killed_is_completed_by_the_same_command(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", API_KEY)
    place = Place(tmp_path, endpoint)
    small = {"prompt": "a cat", "width": 64, "height": 64, "steps": 1}
    inputs = {f"cat-{seed}": {**small, "seed": seed} for seed in range(12)}
    inputs["webp"] = {**small, "output": {"format": "webp"}}
    inputs["bad"] = {**small, "width": 1}
    place.write(*({"id": name, "input": one} for name, one in inputs.items()))

    process = place.start("--in-flight", "6", stdout=subprocess.DEVNULL)
    while not list(place.out.glob("*/response.json")):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    assert process.wait(30) == -signal.SIGKILL
    doubted = [name for name, events in place.events().items() if events[-1] == "sending"]

    done = place.run("--resend-uncertain")
    assert (done.returncode, "13 of 14 done" in done.stdout, "1 failed: invalid_input" in done.stdout) == (
        1,
        True,
        True,
    )
    for name, one in inputs.items():
        if name != "bad":
            file = place.out / name / place.response(name)["image"]
            with Image.open(file) as image:
                assert image.size == (64, 64)
            assert place.response(name)["seed"] == one.get("seed", place.response(name)["seed"])
    assert (place.out / "webp" / "image.webp").exists()
    assert all(events.count("done") == (name != "bad") for name, events in place.events().items())
    (bad,) = [line for line in place.journal() if line["event"] == "failed"]
    assert "width" in bad["message"]

    counts = httpx.get(f"{endpoint}/health", headers={"Authorization": f"Bearer {API_KEY}"}).json()["jobs"]
    assert 14 <= counts["completed"] + counts["failed"] <= 14 + len(doubted)
