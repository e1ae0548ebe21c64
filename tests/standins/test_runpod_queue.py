"""Both sides of the stand-in at once: a generated client calls, and a real worker loop has its jobs done."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator import running_simulator
from tests.clients.conftest import client_of
from tests.end_to_end.test_sdk import worker

from .runpod_queue import RunPodQueue


@pytest.mark.skipif(sys.platform != "linux", reason="one system is enough for a stand-in")
async def test_a_callers_job_is_run_by_a_worker_and_its_result_returned(tmp_path: Path) -> None:
    package = client_of("t2v_ltx2")
    small = {"prompt": "a cat", "width": 64, "height": 64, "frame_count": 9}
    options = package.Options(poll_seconds=(0.05, 0.1))
    async with RunPodQueue(key="key") as queue, package.AsyncClient(queue.url, "key", options) as client:
        job = asyncio.create_task(client.run(small))
        with running_simulator(load_catalog()) as simulator, worker(queue, simulator, tmp_path):
            output = await job
    assert (output["width"], output["frame_count"]) == (64, 9)
    assert list(queue.taken) == list(queue.submitted) == [posted for posted, _, _ in queue.results]
