"""RunPod's side of the worker loop, on loopback: hands out jobs, takes results, tells which job to stop."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_POLL_SECONDS = 0.01
_LONG_POLL_SECONDS = 1.0


@dataclass
class Queue:
    """One endpoint with one worker."""

    jobs: list[dict[str, Any]] = field(default_factory=list)
    to_stop: list[str] = field(default_factory=list)
    taken: dict[str, float] = field(default_factory=dict)
    results: list[tuple[str, float, dict[str, Any]]] = field(default_factory=list)
    progress: list[tuple[str, Any]] = field(default_factory=list)
    unhealthy: list[str] = field(default_factory=list)
    port: int = 0

    async def start(self) -> None:
        app = web.Application(client_max_size=256 << 20)
        app.add_routes(
            [
                web.get("/v2/ep1/job-take/{worker}", self._take),
                web.get("/v2/ep1/job-stop/{worker}", self._stop),
                web.post("/v2/ep1/job-done/{worker}/{job}", self._done),
                web.get("/v2/ep1/ping/{worker}", self._ping),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        await self._runner.cleanup()

    def environment(self) -> dict[str, str]:
        base = f"http://127.0.0.1:{self.port}/v2/ep1"
        return {
            "RUNPOD_POD_ID": "worker1",
            "RUNPOD_ENDPOINT_ID": "ep1",
            "RUNPOD_AI_API_KEY": "k",
            "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=X",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=X",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=X",
            "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID",
            "RUNPOD_PING_INTERVAL": "10000",
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
        }

    def of(self, job_id: str) -> list[dict[str, Any]]:
        """What was posted as the result of a job: once, if all is well."""
        return [body for posted, _, body in self.results if posted == job_id]

    async def _take(self, _request: web.Request) -> web.Response:
        until = time.monotonic() + _LONG_POLL_SECONDS
        while time.monotonic() < until:
            if self.jobs:
                job = self.jobs.pop(0)
                self.taken[job["id"]] = time.monotonic()
                return web.json_response(job)
            await asyncio.sleep(_POLL_SECONDS)
        return web.Response(status=204)

    async def _stop(self, _request: web.Request) -> web.Response:
        until = time.monotonic() + _LONG_POLL_SECONDS
        while time.monotonic() < until:
            if self.to_stop:
                stop, self.to_stop = self.to_stop, []
                return web.json_response({"jobsToStop": stop})
            await asyncio.sleep(_POLL_SECONDS)
        return web.Response(status=204)

    async def _done(self, request: web.Request) -> web.Response:
        job_id, body = request.match_info["job"], json.loads(await request.text())
        if body.get("status") == "IN_PROGRESS":
            self.progress.append((job_id, body["output"]))
        else:
            self.results.append((job_id, time.monotonic(), body))
        return web.Response()

    async def _ping(self, request: web.Request) -> web.Response:
        if request.query.get("status") == "unhealthy":
            self.unhealthy.append(request.query.get("reason", ""))
        return web.Response()
