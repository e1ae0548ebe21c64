"""RunPod's API of one endpoint: the paths, answers and errors that openapi.json declares."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from aiohttp import web

from comfy2runpod.local_endpoint.jobs import Job, Jobs, QueueFull
from comfy2runpod.local_endpoint.requests import BadRequest, read_request, read_wait
from comfy2runpod.local_endpoint.worker import Worker
from comfy2runpod_contract.job_status import LIVE_STATUSES, RETRIABLE_STATUSES, JobStatus
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.limits import RUN_BYTES, RUNSYNC_BYTES

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BEARER = "bearer "
_RETRIABLE = " or ".join(RETRIABLE_STATUSES)
_STREAM_SECONDS = 1.0
# The time limit for receiving a body.
BODY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Operations:
    """The operations of one endpoint. All require the API key."""

    jobs: Jobs
    worker: Worker
    api_key: str

    def routes(self, name: str) -> list[web.RouteDef]:
        """Returns all routes, below /v2/<name>."""
        base = f"/v2/{name}"
        return [
            web.post(f"{base}/run", self._authenticated(self._run)),
            web.post(f"{base}/runsync", self._authenticated(self._runsync)),
            web.get(f"{base}/status/{{id}}", self._authenticated(self._status), allow_head=False),
            web.get(f"{base}/stream/{{id}}", self._authenticated(self._stream), allow_head=False),
            web.post(f"{base}/cancel/{{id}}", self._authenticated(self._cancel)),
            web.post(f"{base}/retry/{{id}}", self._authenticated(self._retry)),
            web.post(f"{base}/purge-queue", self._authenticated(self._purge)),
            web.get(f"{base}/health", self._authenticated(self._health), allow_head=False),
        ]

    def _authenticated(self, handler: Handler) -> Handler:
        """Wraps a handler with a check of the API key."""

        async def checked(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("Authorization", "")
            key = given[len(_BEARER) :] if given.lower().startswith(_BEARER) else ""
            if not hmac.compare_digest(_bytes(key), _bytes(self.api_key)):
                return refusal(401, "The API key is missing or not valid: send `Authorization: Bearer KEY`.")
            return await handler(request)

        return checked

    async def _run(self, request: web.Request) -> web.Response:
        job = await self._queue(request, RUN_BYTES, sync=False)
        if isinstance(job, web.Response):
            return job
        return _json({"id": job.id, "status": JobStatus.IN_QUEUE.value})

    async def _runsync(self, request: web.Request) -> web.Response:
        try:
            seconds = read_wait(request.query.get("wait"))
        except BadRequest as error:
            return refusal(400, str(error))
        job = await self._queue(request, RUNSYNC_BYTES, sync=True)
        if isinstance(job, web.Response):
            return job
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not job.ended:
                    await _change(job)
        return _json(job.to_json())

    async def _queue(self, request: web.Request, most: int, *, sync: bool) -> Job | web.Response:
        body = await _body(request, most)
        if body is None:
            return refusal(413, f"The body is larger than the {most:,} bytes that this operation accepts.")
        try:
            return self.jobs.add(read_request(body, sync=sync))
        except BadRequest as error:
            return refusal(400, str(error))
        except QueueFull:
            return _full()

    async def _status(self, request: web.Request) -> web.Response:
        job = self.jobs.get(request.match_info["id"])
        return _unknown() if job is None else _json(job.to_json())

    async def _stream(self, request: web.Request) -> web.Response:
        """Returns the parts since the last call; waits shortly for one. Workers of packages do not stream."""
        job = self.jobs.get(request.match_info["id"])
        if job is None:
            return _unknown()
        if not job.stream and not job.ended:
            with suppress(TimeoutError):
                await asyncio.wait_for(_change(job), _STREAM_SECONDS)
        parts: list[Json] = [{"output": part} for part in job.stream]
        job.stream.clear()
        return _json({"status": job.state.value, "stream": parts})

    async def _cancel(self, request: web.Request) -> web.Response:
        job = self.jobs.get(request.match_info["id"])
        if job is None:
            return _unknown()
        self.jobs.cancel(job)
        return _json({"id": job.id, "status": job.state.value})

    async def _retry(self, request: web.Request) -> web.Response:
        job = self.jobs.get(request.match_info["id"])
        if job is None:
            return _unknown()
        try:
            if not self.jobs.retry(job):
                return refusal(409, f"Only a job that {_RETRIABLE} can be retried; this one is {job.state.value}.")
        except QueueFull:
            return _full()
        return _json({"id": job.id, "status": job.state.value})

    async def _purge(self, _request: web.Request) -> web.Response:
        return _json({"removed": self.jobs.purge(), "status": "completed"})

    async def _health(self, _request: web.Request) -> web.Response:
        self.jobs.sweep()
        states = ("idle", "initializing", "ready", "running", "throttled", "unhealthy")
        state = self.worker.state
        workers: JsonObject = {name: int(name == state) for name in states}
        workers["ready"] = int(state in ("idle", "running"))
        counts: JsonObject = {
            "completed": self.jobs.counts.get(JobStatus.COMPLETED, 0),
            "failed": self.jobs.counts.get(JobStatus.FAILED, 0),
            "inProgress": self.jobs.running(),
            "inQueue": self.jobs.waiting(),
            "retried": self.jobs.retried,
        }
        return _json({"jobs": counts, "workers": workers})


def refusal(status: int, message: str) -> web.Response:
    """Returns an error response."""
    headers = {"WWW-Authenticate": "Bearer"} if status == web.HTTPUnauthorized.status_code else {}
    return web.json_response({"error": message}, status=status, headers=headers)


async def _change(job: Job) -> None:
    job.changed.clear()
    if job.state in LIVE_STATUSES:
        await job.changed.wait()


async def _body(request: web.Request, most: int) -> bytes | None:
    """Reads the body; returns None as soon as it is too large."""
    if (request.content_length or 0) > most:
        return None
    parts, size = [], 0
    async with asyncio.timeout(BODY_SECONDS):
        async for part in request.content.iter_chunked(1 << 16):
            size += len(part)
            if size > most:
                return None
            parts.append(part)
    return b"".join(parts)


def _bytes(key: str) -> bytes:
    """Encodes a key, which may contain bytes that are not valid UTF-8."""
    return key.encode("utf-8", "surrogateescape")


def _json(value: JsonObject) -> web.Response:
    return web.json_response(value)


def _unknown() -> web.Response:
    return refusal(404, "There is no such job: the id is wrong, or its result has expired.")


def _full() -> web.Response:
    answer = refusal(429, "Too many jobs are queued. Send the job again later.")
    answer.headers["Retry-After"] = "5"
    return answer
