"""The package's handler.py under the real RunPod SDK, in all its modes: as a process, with RunPod's API on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiohttp import web

from tests.patience import HANG_SECONDS

from .conftest import PACKAGE
from .standin import StandIn

ASK = {"prompt": "a cat", "frame_count": 25}


@asynccontextmanager
async def worker(*arguments: str, **environment: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python handler.py` in the package's folder; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "handler.py", *arguments),
        cwd=PACKAGE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **{key: str(value) for key, value in environment.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_with_test_input_the_sdk_reports_success(comfyui: StandIn) -> None:
    async with worker("--test_input", json.dumps({"input": ASK}), COMFYUI_URL=comfyui.url) as process:
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    assert b"completed successfully" in out
    assert len(comfyui.prompts) == 1


async def test_with_test_input_a_failed_job_is_a_failed_run(comfyui: StandIn) -> None:
    async with worker("--test_input", '{"input": {"prompt": NaN}}', COMFYUI_URL=comfyui.url) as process:
        out, _ = await process.communicate()
    assert process.returncode == 1
    assert b"invalid_input" in out
    assert comfyui.prompts == {}


async def test_the_sdks_own_api_gives_the_answer_and_the_error(comfyui: StandIn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ("--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port))
    async with worker(*arguments, COMFYUI_URL=comfyui.url), httpx.AsyncClient() as http:
        url = f"http://127.0.0.1:{port}"
        async with asyncio.timeout(HANG_SECONDS):
            while True:
                try:
                    done = await http.post(f"{url}/runsync", json={"input": ASK}, timeout=HANG_SECONDS)
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        assert done.json()["output"]["frame_count"] == 25
        failed = await http.post(f"{url}/runsync", json={"input": {"prompt": ""}}, timeout=HANG_SECONDS)
        assert json.loads(failed.json()["error"])["code"] == "invalid_input"


@dataclass
class RunPod:
    """RunPod's side of the real worker loop."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    pings: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def environment(self) -> dict[str, object]:
        base = f"http://127.0.0.1:{self.port}/v2/ep1"
        return {
            "RUNPOD_POD_ID": "worker1",
            "RUNPOD_ENDPOINT_ID": "ep1",
            "RUNPOD_AI_API_KEY": "k",
            "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=X",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=X",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=X",
            "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID",
            "RUNPOD_PING_INTERVAL": "2000",
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
        }

    async def result(self, job_id: str) -> dict[str, Any]:
        """What was posted for a job at its end."""
        async with asyncio.timeout(HANG_SECONDS):
            while True:
                for posted_id, body in self.posted:
                    if posted_id == job_id and body.get("status") != "IN_PROGRESS":
                        return body
                await asyncio.sleep(0.02)

    async def take(self, _request: web.Request) -> web.Response:
        for _ in range(20):
            if self.jobs:
                job = self.jobs.pop(0)
                self.taken.append(job["id"])
                return web.json_response(job)
            await asyncio.sleep(0.05)
        return web.Response(status=204)

    async def stopped(self, _request: web.Request) -> web.Response:
        for _ in range(20):
            if self.stop:
                stop, self.stop = self.stop, []
                return web.json_response({"jobsToStop": stop})
            await asyncio.sleep(0.05)
        return web.Response(status=204)

    async def done(self, request: web.Request) -> web.Response:
        # A slow RunPod gives a late progress update its chance to overtake the result.
        body = json.loads(await request.text())
        if body.get("status") == "IN_PROGRESS":
            await asyncio.sleep(0.1)
        self.posted.append((request.match_info["job"], body))
        return web.Response()

    async def ping(self, request: web.Request) -> web.Response:
        self.pings.append(dict(request.query))
        return web.Response()


@asynccontextmanager
async def runpod() -> AsyncIterator[RunPod]:
    service = RunPod()
    app = web.Application(client_max_size=64 << 20)
    app.add_routes(
        [
            web.get("/v2/ep1/job-take/{worker}", service.take),
            web.get("/v2/ep1/job-stop/{worker}", service.stopped),
            web.post("/v2/ep1/job-done/{worker}/{job}", service.done),
            web.get("/v2/ep1/ping/{worker}", service.ping),
        ]
    )
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.port = runner.addresses[0][1]
    try:
        yield service
    finally:
        await runner.cleanup()


async def test_the_real_worker_loop_serves_fails_cancels_and_serves_again(comfyui: StandIn) -> None:
    comfyui.seconds, comfyui.steps = 0.6, 12
    async with runpod() as service:
        service.jobs = [{"id": "good", "input": ASK}, {"id": "bad", "input": {"prompt": "x", "width": 65}}]
        environment = {**service.environment(), "COMFYUI_URL": comfyui.url, "PROGRESS_SECONDS": 0.05}
        async with worker(**environment) as process:
            good = (await service.result("good"))["output"]
            assert (good["frame_count"], good["duration_seconds"]) == (25, 1.04)
            assert good["prompt_id"] in comfyui.prompts

            assert list(await service.result("bad")) == ["error"]
            assert json.loads((await service.result("bad"))["error"])["details"][0]["field"] == "width"

            progress = [body["output"] for job, body in service.posted if body.get("status") == "IN_PROGRESS"]
            assert {"Size", "Sampler, first stage"} == {update["node"] for update in progress}
            last = max(index for index, (job, _) in enumerate(service.posted) if job == "good")
            assert "status" not in service.posted[last][1], "a progress update came after the result"

            comfyui.outcome = "hangs"
            service.jobs.append({"id": "stopped", "input": ASK})
            async with asyncio.timeout(HANG_SECONDS):
                while not comfyui.running:
                    await asyncio.sleep(0.02)
                service.stop = ["stopped"]
                while not comfyui.interrupted:
                    await asyncio.sleep(0.02)
            assert comfyui.interrupted == [list(comfyui.prompts)[-1]]

            comfyui.outcome = "success"
            service.jobs.append({"id": "next", "input": {**ASK, "seed": 0}})
            assert (await service.result("next"))["output"]["seed"] == 0
            assert [job for job, body in service.posted if job == "stopped" and "status" not in body] == []

            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(HANG_SECONDS):
                out, _ = await process.communicate()
            assert process.returncode == 0, out.decode()
            assert b"Traceback" not in out
            assert b'"result": "cancelled"' in out
            assert good["video"][:40].encode() not in out, "an answer is in the log"


async def test_a_worker_whose_comfyui_does_not_answer_takes_no_job(comfyui: StandIn) -> None:
    async with runpod() as service:
        service.jobs = [{"id": "good", "input": ASK}]
        environment = {**service.environment(), "COMFYUI_URL": "http://127.0.0.1:9"}
        async with worker(**environment, COMFYUI_START_TIMEOUT_SECONDS=0.5) as process:
            out, _ = await process.communicate()
        assert process.returncode == 1, out.decode()
        assert service.taken == []
        assert [ping["status"] for ping in service.pings] == ["unhealthy"]
