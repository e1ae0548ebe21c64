"""The generated handler under the real RunPod SDK, in each of its modes, on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from aiohttp import web

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator import Simulator, running_simulator
from tests.handlers import GENERATED
from tests.patience import HANG_SECONDS

from .conftest import failure

SMALL = {"prompt": "a cat", "width": 128, "height": 128, "frame_count": 9, "seed": 3}


def environment(simulator: Simulator, **more: str) -> dict[str, str]:
    return {**os.environ, "COMFYUI_URL": simulator.url, **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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


class Queue:
    """A stand-in for RunPod's queue: hands out jobs and collects what the worker posts."""

    def __init__(self, jobs: list[dict[str, object]]) -> None:
        self.waiting = list(jobs)
        self.results: dict[str, dict[str, object]] = {}
        self.progress: list[object] = []
        self.late = 0
        self.stop: list[str] = []

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(
            [
                web.get("/job-take/{worker}", self.take),
                web.get("/job-stop/{worker}", self.stops),
                web.post("/done/{worker}/{job}", self.done),
                web.get("/ping/{worker}", self.ping),
            ]
        )
        return app

    async def take(self, _request: web.Request) -> web.Response:
        if self.waiting:
            return web.json_response(self.waiting.pop(0))
        await asyncio.sleep(0.2)
        return web.Response(status=204)

    async def stops(self, _request: web.Request) -> web.Response:
        if self.stop:
            jobs, self.stop = self.stop, []
            return web.json_response({"jobsToStop": jobs})
        await asyncio.sleep(0.1)
        return web.Response(status=204)

    async def done(self, request: web.Request) -> web.Response:
        job, result = request.match_info["job"], json.loads(await request.text())
        if result.get("status") == "IN_PROGRESS":
            self.progress.append(result["output"])
            self.late += job in self.results
        else:
            self.results[job] = result
        return web.Response()

    async def ping(self, _request: web.Request) -> web.Response:
        return web.Response()


@contextmanager
def worker(port: int, simulator: Simulator, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    base = f"http://127.0.0.1:{port}"
    variables = environment(
        simulator,
        RUNPOD_POD_ID="worker1",
        RUNPOD_ENDPOINT_ID="ep1",
        RUNPOD_AI_API_KEY="k",
        RUNPOD_WEBHOOK_GET_JOB=f"{base}/job-take/$ID?gpu=X",
        RUNPOD_WEBHOOK_POST_OUTPUT=f"{base}/done/$RUNPOD_POD_ID/$ID?gpu=X",
        RUNPOD_WEBHOOK_PING=f"{base}/ping/$RUNPOD_POD_ID",
        RUNPOD_PING_INTERVAL="2000",
        RUNPOD_SKIP_AUTO_SYSTEM_CHECKS="true",
        RUNPOD_SKIP_GPU_CHECK="true",
    )
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
    """Ends a worker and what it started: the SDK pings from a process of its own, which outlives a killed parent."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def running(simulator: Simulator) -> bool:
    """Whether the simulator is at a prompt."""
    async with httpx.AsyncClient(timeout=HANG_SECONDS) as http:
        return bool((await http.get(f"{simulator.url}/queue")).json()["queue_running"])


async def drive(queue: Queue, simulator: Simulator, folder: Path, until: int, *, stop: str | None = None) -> None:
    """Runs the real worker loop on a queue until so many results have come; a job to stop is stopped while it runs."""
    runner = web.AppRunner(queue.app())
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        with worker(port, simulator, folder):
            async with asyncio.timeout(HANG_SECONDS):
                while len(queue.results) < until:
                    await asyncio.sleep(0.05)
                    if stop is not None and await running(simulator):
                        queue.stop, stop = [stop], None
            await asyncio.sleep(0.3)
    finally:
        await runner.cleanup()


async def test_the_real_worker_loop_runs_jobs_and_reports_progress(tmp_path: Path) -> None:
    jobs: list[dict[str, object]] = [
        {"id": "good", "input": SMALL},
        {"id": "bad", "input": {"prompt": "a", "width": 1}},
        {"id": "again", "input": SMALL},
    ]
    queue = Queue(jobs)
    # Long enough that there is something to report: a job that is over at once has no progress.
    with running_simulator(load_catalog(), seconds_per_step=0.05) as steady:
        await drive(queue, steady, tmp_path, 3)
    assert dict(queue.results["good"]["output"])["width"] == 128  # type: ignore[call-overload]
    assert failure({"error": queue.results["bad"]["error"]})["code"] == "invalid_input"
    assert "output" in queue.results["again"]
    assert queue.progress
    assert queue.late == 0


async def test_a_job_that_is_stopped_interrupts_comfyui_and_the_next_one_runs(tmp_path: Path) -> None:
    with running_simulator(load_catalog(), seconds_per_step=1.0) as slow:
        queue = Queue([{"id": "long", "input": SMALL}])
        runner_done = asyncio.create_task(drive(queue, slow, tmp_path, 1, stop="long"))
        async with httpx.AsyncClient(timeout=HANG_SECONDS) as http:
            while not runner_done.done() and not (await http.get(f"{slow.url}/history")).json():
                await asyncio.sleep(0.05)
        # What was stopped has ended within a step of many; the next one is not what takes time.
        slow._engine.seconds_per_step = 0.0
        queue.waiting.append({"id": "next", "input": {**SMALL, "width": 64}})
        await runner_done
        assert "long" not in queue.results
        assert dict(queue.results["next"]["output"])["width"] == 64  # type: ignore[call-overload]
        history = httpx.get(f"{slow.url}/history").json()
        assert sorted(entry["status"]["status_str"] for entry in history.values()) == ["error", "success"]
