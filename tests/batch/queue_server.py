"""A stand-in for RunPod's front with a queue behind it: it keeps jobs, counts them, and fails as a test says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.clients.fault_server import serving

KEY = "key"
FILE = bytes(range(256)) * 40


def flat(file: bytes = FILE) -> dict[str, object]:
    """A result of one output, as a package gives it."""
    return {"image": base64.b64encode(file).decode(), **facts(file), "seed": 3, "prompt_id": "p"}


def facts(file: bytes) -> dict[str, object]:
    return {"media_type": "image/png", "bytes": len(file), "sha256": hashlib.sha256(file).hexdigest(), "width": 8}


class QueueServer:
    """One endpoint. An input is told from another by its `prompt`.

    `on_run` and `on_look` are asked before each request, by its number from 1, and may answer in our place: a status,
    with headers or not; "lost" queues the job and drops the connection; "dropped" drops it at once; None leaves it be.
    """

    def __init__(self) -> None:
        self.url = ""
        self.key = KEY
        self.there = True
        self.on_run: Callable[[int], Any] = lambda _number: None
        self.on_look: Callable[[int], Any] = lambda _number: None
        self.answered: Callable[[str, int], None] = lambda _kind, _number: None
        # What a job ends as, by its input.
        self.result: Callable[[dict[str, Any]], dict[str, object]] = lambda _input: completed(flat())
        # So many looks at a job find it at work.
        self.looks = 0
        self.runs = self.looked = self.health = 0
        self.queued: Counter[str] = Counter()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.looks_at: Counter[str] = Counter()
        self.most_unended = 0
        self.files: dict[str, bytes] = {}
        self.file_status = 200

    def forget(self) -> None:
        """Results are no longer kept."""
        self.jobs.clear()

    async def _run(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if (refused := self._refused(request)) is not None:
            return refused
        self.runs += 1
        number = self.runs
        fault = await _asked(self.on_run, number)
        if fault is not None and fault != "lost":
            return _faulty(request, fault)
        job_input = json.loads(body)["input"]
        self.queued[job_input["prompt"]] += 1
        job_id = f"job-{number}"
        self.jobs[job_id] = job_input
        self.most_unended = max(self.most_unended, len(self.jobs) - len(self.looks_at))
        if fault == "lost":
            return _faulty(request, "dropped")
        await asyncio.to_thread(self.answered, "run", number)
        return web.json_response({"id": job_id, "status": "IN_QUEUE"})

    async def _status(self, request: web.Request) -> web.StreamResponse:
        if (refused := self._refused(request)) is not None:
            return refused
        self.looked += 1
        number = self.looked
        if (fault := await _asked(self.on_look, number)) is not None:
            return _faulty(request, fault)
        job_id = request.match_info["id"]
        job_input = self.jobs.get(job_id)
        if job_input is None:
            return web.json_response({"error": "gone"}, status=404)
        self.looks_at[job_id] += 1
        if self.looks_at[job_id] <= self.looks:
            return web.json_response({"id": job_id, "status": "IN_PROGRESS", "output": {"node": "a", "percent": 5}})
        await asyncio.to_thread(self.answered, "look", number)
        return web.json_response({"id": job_id, **self.result(job_input)})

    async def _health(self, request: web.Request) -> web.StreamResponse:
        self.health += 1
        return self._refused(request) or web.json_response({"jobs": {}, "workers": {}})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        assert "Authorization" not in request.headers
        return web.Response(status=self.file_status, body=self.files[request.match_info["name"]])

    def _refused(self, request: web.Request) -> web.Response | None:
        if not self.there:
            return web.json_response({"error": "no endpoint"}, status=404)
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": "key"}, status=401)
        return None

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(
            [
                web.post("/run", self._run),
                web.get("/status/{id}", self._status),
                web.get("/health", self._health),
                web.get("/file/{name}", self._file),
            ]
        )
        return app


def completed(output: dict[str, object]) -> dict[str, object]:
    return {"status": "COMPLETED", "output": output}


def failed(code: str, message: str) -> dict[str, object]:
    return {"status": "FAILED", "error": json.dumps({"code": code, "message": message})}


@contextmanager
def queue_server() -> Iterator[QueueServer]:
    server = QueueServer()
    with serving(server.app()) as url:
        server.url = url
        yield server


async def _asked(hook: Callable[[int], Any], number: int) -> Any:
    # A hook may end the process that asks, and wait until it has ended.
    return await asyncio.to_thread(hook, number)


def _faulty(request: web.Request, fault: Any) -> web.StreamResponse:
    if fault == "dropped":
        assert request.transport is not None
        request.transport.close()
        return web.Response()
    status, headers = fault if isinstance(fault, tuple) else (fault, {})
    return web.Response(status=status, headers=headers, body=b"{}" if status >= 300 else b"<html>")
