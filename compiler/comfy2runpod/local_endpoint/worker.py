"""A package's own worker: `python handler.py` under the RunPod SDK, whose queue is here.

The process is started for the first job, as an endpoint without standing workers does it, and again when it has ended
on its own. Its side of the queue listens on a port of its own, which only it is told.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from aiohttp import web

from comfy2runpod.ir.json import JsonObject
from comfy2runpod.local_endpoint.jobs import Jobs
from comfy2runpod_contract.tether import END_ALL, tethered

_POLL_SECONDS = 20.0
_LOOK_SECONDS = 0.25
_END_SECONDS = 5.0
_LAST_WORDS_SECONDS = 1.0
# A worker that ends before it has asked for a job is not started for ever.
_MOST_FAILED_STARTS = 3
_MAX_RESULT = 512 << 20
_STDERR = 2
_MOST_AT_ONCE = 1 << 16


@dataclass(slots=True)
class Worker:
    """One worker of one package, from the context's start to its end; `log` gets what it prints, else stderr does."""

    package: Path
    jobs: Jobs
    comfyui: str
    log: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    _secret: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    _base: str = ""
    _runner: web.AppRunner | None = None
    _process: asyncio.subprocess.Process | None = None
    _keeping: asyncio.Task[None] | None = None
    _log_reader: threading.Thread | None = None
    _asked: bool = False
    _failed_starts: int = 0
    _ending: bool = False

    async def __aenter__(self) -> Worker:
        """Listens for the worker, and starts it when there is a job."""
        app = web.Application(client_max_size=_MAX_RESULT)
        base = f"/{self._secret}"
        app.add_routes(
            [
                web.get(base + "/job-take/{worker}", self._take),
                web.get(base + "/job-stop/{worker}", self._stop),
                web.post(base + "/job-done/{worker}/{job}", self._done),
                web.post(base + "/job-stream/{worker}/{job}", self._stream),
                web.get(base + "/ping/{worker}", self._ping),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._base = f"http://127.0.0.1:{self._runner.addresses[0][1]}{base}"
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends the worker, and what it started."""
        self._ending = True
        if self._keeping is not None:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        await self._kill()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def state(self) -> str:
        """RunPod's word for it in /health."""
        if self._failed_starts >= _MOST_FAILED_STARTS:
            return "unhealthy"
        if self._process is None:
            return "none"
        if not self._asked:
            return "initializing"
        return "running" if self.jobs.running() else "idle"

    async def _keep(self) -> None:
        """Starts the worker when a job waits; ends jobs whose time is up."""
        while True:
            self.jobs.sweep()
            process = self._process
            if process is not None and process.returncode is not None:
                self._failed_starts = 0 if self._asked else self._failed_starts + 1
                self._process = None
                self.jobs.lost(f"The worker ended with code {process.returncode}; its log says more.")
            if self._process is None and self.jobs.waiting():
                if self._failed_starts < _MOST_FAILED_STARTS:
                    await self._start()
                else:
                    self._give_up()
            await asyncio.sleep(_LOOK_SECONDS)

    def _give_up(self) -> None:
        """RunPod would leave the jobs waiting; here somebody looks on, and is told."""
        while self.jobs.take() is not None:
            pass
        self.jobs.lost(f"The package's worker has not started {_MOST_FAILED_STARTS} times; its log says why.")

    async def _start(self) -> None:
        base = self._base
        variables = {
            # Below it, the SDK prints whole results.
            "RUNPOD_LOG_LEVEL": "INFO",
            **os.environ,
            **self.environment,
            "COMFYUI_URL": self.comfyui,
            "PYTHONDONTWRITEBYTECODE": "1",
            "RUNPOD_POD_ID": "local-worker",
            "RUNPOD_ENDPOINT_ID": self.package.name,
            "RUNPOD_AI_API_KEY": "local",
            "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
            "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID",
            "RUNPOD_PING_INTERVAL": "10000",
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
        }
        self._asked = False
        if self.log is not None:
            output = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        else:
            # Not our own standard error: what a worker says of us when we are killed is for nobody.
            reading, output = os.pipe()
            self._log_reader = threading.Thread(target=_hand_on, args=(reading,), name="worker-log", daemon=True)
            self._log_reader.start()
        try:
            # The SDK pings from a further process, and both would go on for a server that is gone. In a session of its
            # own, since Ctrl+C is for us to hand on.
            self._process = await asyncio.create_subprocess_exec(
                *tethered([sys.executable, str(self.package / "handler.py")]),
                cwd=self.package, env=variables, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(output)

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            if not self.jobs.running():
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), _END_SECONDS)
            process.send_signal(END_ALL)
        await process.wait()
        if self._log_reader is not None:
            # Its last words before ours.
            await asyncio.to_thread(self._log_reader.join, _LAST_WORDS_SECONDS)

    async def _take(self, request: web.Request) -> web.Response:
        self._asked = True
        until = asyncio.get_running_loop().time() + _POLL_SECONDS
        # A worker that has gone leaves its poll behind, which must not take a job.
        while request.transport is not None and not self._ending and asyncio.get_running_loop().time() < until:
            job = self.jobs.take()
            if job is not None:
                return web.json_response({"id": job.id, "input": job.request.input, **job.request.extras})
            await self._something(until)
        return web.Response(status=204)

    async def _stop(self, _request: web.Request) -> web.Response:
        until = asyncio.get_running_loop().time() + _POLL_SECONDS
        while not self._ending and asyncio.get_running_loop().time() < until:
            ids = self.jobs.to_stop()
            if ids:
                return web.json_response({"jobsToStop": ids})
            await self._something(until)
        return web.Response(status=204)

    async def _something(self, until: float) -> None:
        """Waits until there may be work, at most a moment: two polls wait on one event."""
        self.jobs.work.clear()
        left = until - asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.jobs.work.wait(), max(0.0, min(left, _LOOK_SECONDS)))

    async def _done(self, request: web.Request) -> web.Response:
        job_id, result = request.match_info["job"], await _posted(request)
        if result.get("status") == "IN_PROGRESS":
            self.jobs.progress(job_id, result.get("output"))
        else:
            self.jobs.done(job_id, result, len(await request.read()))
        return web.Response()

    async def _stream(self, request: web.Request) -> web.Response:
        self.jobs.part(request.match_info["job"], (await _posted(request)).get("output"))
        return web.Response()

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response()


def _hand_on(reading: int) -> None:
    """Gives what a worker prints to our standard error, until it and all that it started have ended."""
    with os.fdopen(reading, "rb", buffering=0) as said:
        while text := said.read(_MOST_AT_ONCE):
            # What cannot be said holds nobody up.
            with suppress(OSError):
                _write_all(text)


def _write_all(text: bytes) -> None:
    while text:
        text = text[os.write(_STDERR, text) :]


async def _posted(request: web.Request) -> JsonObject:
    """What the SDK posts: JSON, whatever its content type says."""
    return cast(JsonObject, json.loads(await request.read()))
