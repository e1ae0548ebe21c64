"""The generated handler under the real RunPod SDK, in each of its modes, on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator import Simulator, running_simulator
from tests.handlers import GENERATED
from tests.patience import HANG_SECONDS
from tests.standins.runpod_queue import RunPodQueue
from tests.standins.serving import free_port

from .conftest import failure

SMALL = {"prompt": "a cat", "width": 128, "height": 128, "frame_count": 9, "seed": 3}


def environment(simulator: Simulator, **more: str) -> dict[str, str]:
    return {**os.environ, "COMFYUI_URL": simulator.url, **more}


def test_test_input_runs_one_job_and_exits_0(simulator: Simulator, tmp_path: Path) -> None:
    command = [sys.executable, str(GENERATED / "t2v_ltx2" / "handler.py"), "--test_input", json.dumps({"input": SMALL})]
    done = subprocess.run(
        command, env=environment(simulator), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'width': 128" in done.stdout
    assert "SIMULATED" in done.stderr


def test_serve_api_answers_runsync(simulator: Simulator, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, str(GENERATED / "t2v_ltx2" / "handler.py"), "--rp_serve_api", "--rp_api_port", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, env=environment(simulator), cwd=tmp_path, stdout=quiet, stderr=quiet, start_new_session=True
    ) as server:
        try:
            good = post(f"http://127.0.0.1:{port}/runsync", {"input": SMALL})
            bad = post(f"http://127.0.0.1:{port}/runsync", {"input": {"prompt": ""}})
        finally:
            kill(server)
    assert good["status"] == "COMPLETED"
    assert dict(good["output"])["frame_count"] == 9  # type: ignore[call-overload]
    assert bad["status"] == "FAILED"
    assert failure({"error": bad["error"]})["code"] == "invalid_input"


def post(url: str, body: object) -> dict[str, object]:
    deadline = time.monotonic() + HANG_SECONDS
    while True:
        try:
            return dict(httpx.post(url, json=body, timeout=HANG_SECONDS).json())
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextmanager
def worker(queue: RunPodQueue, simulator: Simulator, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    variables = environment(simulator, **queue.environment())
    log = (folder / "worker.log").open("wb")
    command = [sys.executable, str(GENERATED / "t2v_ltx2" / "handler.py")]
    with (
        log,
        subprocess.Popen(command, env=variables, cwd=folder, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        try:
            yield process
        finally:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a worker and its children: the SDK pings from a process that continues after its parent was killed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def running(simulator: Simulator) -> bool:
    """Whether the simulator is at a prompt."""
    async with httpx.AsyncClient(timeout=HANG_SECONDS) as http:
        return bool((await http.get(f"{simulator.url}/queue")).json()["queue_running"])


async def drive(queue: RunPodQueue, simulator: Simulator, folder: Path, until: int, *, stop: str | None = None) -> None:
    """Runs the real worker loop on a queue until so many results have come; a job to stop is stopped while it runs."""
    async with queue:
        with worker(queue, simulator, folder):
            async with asyncio.timeout(HANG_SECONDS):
                while len(queue.results) < until:
                    await asyncio.sleep(0.05)
                    if stop is not None and await running(simulator):
                        queue.to_stop, stop = [stop], None
            await asyncio.sleep(0.3)


async def test_the_real_worker_loop_runs_jobs_and_reports_progress(tmp_path: Path) -> None:
    queue = RunPodQueue()
    for job, job_input in (("good", SMALL), ("bad", {"prompt": "a", "width": 1}), ("again", SMALL)):
        queue.submit(job, job_input)
    # Long enough that there is something to report: a job that is over at once has no progress.
    with running_simulator(load_catalog(), seconds_per_step=0.05) as steady:
        await drive(queue, steady, tmp_path, 3)
    (good,), (bad,), (again,) = (queue.of(job) for job in ("good", "bad", "again"))
    assert good["output"]["width"] == 128
    assert failure({"error": bad["error"]})["code"] == "invalid_input"
    assert "output" in again
    assert queue.progress
    assert queue.late == []


async def test_a_job_that_is_stopped_interrupts_comfyui_and_the_next_one_runs(tmp_path: Path) -> None:
    with running_simulator(load_catalog(), seconds_per_step=1.0) as slow:
        queue = RunPodQueue()
        queue.submit("long", SMALL)
        runner_done = asyncio.create_task(drive(queue, slow, tmp_path, 1, stop="long"))
        async with httpx.AsyncClient(timeout=HANG_SECONDS) as http:
            while not runner_done.done() and not (await http.get(f"{slow.url}/history")).json():
                await asyncio.sleep(0.05)
        # What was stopped has ended within a step of many; the next one is not what takes time.
        slow._engine.seconds_per_step = 0.0
        queue.submit("next", {**SMALL, "width": 64})
        await runner_done
        assert queue.of("long") == []
        (done,) = queue.of("next")
        assert done["output"]["width"] == 64
        history = httpx.get(f"{slow.url}/history").json()
        assert sorted(entry["status"]["status_str"] for entry in history.values()) == ["error", "success"]
