"""Runs a package's own worker, `python handler.py` with the RunPod SDK, and is its queue.

The process is started for the first job, as by an endpoint without active workers, and again if it has ended. Its side
of the queue listens on a separate port with a secret path.
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

from aiohttp import web

from comfy2runpod.json_parts import object_of
from comfy2runpod.local_endpoint.jobs import Jobs
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.tether import END_ALL, tethered

_POLL_SECONDS = 20.0
_CHECK_SECONDS = 0.25
_STOP_SECONDS = 5.0
_LOG_END_SECONDS = 1.0
# How often a worker is started that ends before it takes a job.
_MAX_FAILED_STARTS = 3
_MAX_RESULT = 512 << 20
_STDERR = 2
_CHUNK = 1 << 16


@dataclass(slots=True)
class Worker:
    """The worker of one package. It is an asynchronous context manager.

    Attributes:
        package: the package's folder.
        jobs: the queue.
        comfyui: the URL of its ComfyUI.
        log: a file for its output; None for standard error.
        environment: additional environment variables.
    """

    package: Path
    jobs: Jobs
    comfyui: str
    log: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    _secret: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    _base: str = ""
    _runner: web.AppRunner | None = None
    _process: asyncio.subprocess.Process | None = None
    _supervision: asyncio.Task[None] | None = None
    _log_reader: threading.Thread | None = None
    _polled: bool = False
    _failed_starts: int = 0
    _ending: bool = False

    async def __aenter__(self) -> Worker:
        """Starts the worker's side of the queue. The process is started when there is a job."""
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
        self._supervision = asyncio.create_task(self._supervise())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends the worker and its child processes."""
        self._ending = True
        if self._supervision is not None:
            self._supervision.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervision
        await self._kill()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def state(self) -> str:
        """The state of the worker in /health."""
        if self._failed_starts >= _MAX_FAILED_STARTS:
            return "unhealthy"
        if self._process is None:
            return "none"
        if not self._polled:
            return "initializing"
        return "running" if self.jobs.running() else "idle"

    async def _supervise(self) -> None:
        """Starts the worker when a job is queued, and times jobs out."""
        while True:
            self.jobs.sweep()
            process = self._process
            if process is not None and process.returncode is not None:
                self._failed_starts = 0 if self._polled else self._failed_starts + 1
                self._process = None
                self.jobs.fail_running(f"The worker ended with code {process.returncode}; its log has more.")
            if self._process is None and self.jobs.waiting():
                if self._failed_starts < _MAX_FAILED_STARTS:
                    await self._start()
                else:
                    self._fail_queued()
            await asyncio.sleep(_CHECK_SECONDS)

    def _fail_queued(self) -> None:
        """Fails the queued jobs. RunPod would leave them queued, but here a developer waits."""
        while self.jobs.take() is not None:
            pass
        self.jobs.fail_running(
            f"The package's worker failed to start {_MAX_FAILED_STARTS} times; its log has the reason."
        )

    async def _start(self) -> None:
        base = self._base
        variables = {
            # At a lower level, the SDK prints whole results.
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
        self._polled = False
        if self.log is not None:
            output = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        else:
            # Not our own standard error: if we are killed, the worker must not write to the terminal.
            reading, output = os.pipe()
            self._log_reader = threading.Thread(target=_forward_output, args=(reading,), name="worker-log", daemon=True)
            self._log_reader.start()
        try:
            # The tether ends the worker and the SDK's ping process with us. In a session of its own, so that Ctrl+C
            # reaches only us.
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
                    await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            process.send_signal(END_ALL)
        await process.wait()
        if self._log_reader is not None:
            # Prints the rest of its output first.
            await asyncio.to_thread(self._log_reader.join, _LOG_END_SECONDS)

    async def _take(self, request: web.Request) -> web.Response:
        self._polled = True
        deadline = asyncio.get_running_loop().time() + _POLL_SECONDS
        # The poll of a worker that has ended must not take a job.
        while request.transport is not None and not self._ending and asyncio.get_running_loop().time() < deadline:
            job = self.jobs.take()
            if job is not None:
                return web.json_response({"id": job.id, "input": job.request.input, **job.request.extras})
            await self._wait_for_work(deadline)
        return web.Response(status=204)

    async def _stop(self, _request: web.Request) -> web.Response:
        deadline = asyncio.get_running_loop().time() + _POLL_SECONDS
        while not self._ending and asyncio.get_running_loop().time() < deadline:
            ids = self.jobs.to_stop()
            if ids:
                return web.json_response({"jobsToStop": ids})
            await self._wait_for_work(deadline)
        return web.Response(status=204)

    async def _wait_for_work(self, deadline: float) -> None:
        """Waits until there may be work, for a short time only, since two polls share one event."""
        self.jobs.work.clear()
        left = deadline - asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.jobs.work.wait(), max(0.0, min(left, _CHECK_SECONDS)))

    async def _done(self, request: web.Request) -> web.Response:
        job_id, result = request.match_info["job"], await _posted(request)
        if result.get("status") == "IN_PROGRESS":
            self.jobs.progress(job_id, result.get("output"))
        else:
            self.jobs.finish(job_id, result, len(await request.read()))
        return web.Response()

    async def _stream(self, request: web.Request) -> web.Response:
        self.jobs.add_stream_part(request.match_info["job"], (await _posted(request)).get("output"))
        return web.Response()

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response()


def _forward_output(pipe: int) -> None:
    """Copies a worker's output to standard error, until the worker and its child processes have ended."""
    with os.fdopen(pipe, "rb", buffering=0) as output:
        while text := output.read(_CHUNK):
            # A closed standard error must not block the worker.
            with suppress(OSError):
                _write_all(text)


def _write_all(text: bytes) -> None:
    while text:
        text = text[os.write(_STDERR, text) :]


async def _posted(request: web.Request) -> JsonObject:
    """Parses what the SDK posts: JSON, whatever its content type."""
    return object_of("what the worker posts", json.loads(await request.read()))
