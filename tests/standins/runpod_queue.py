"""A stand-in for RunPod's queue: its callers' side and its workers' side, on one port of loopback.

What it does of the real service:

- Callers: `POST run`, `GET status/ID`, `POST cancel/ID`, `GET health`; 401 for a key other than `key`, 404 for an
  endpoint or a job that is absent. `output` is a job's progress while it runs, and its result afterwards.
- Workers: the SDK's long polls for jobs and for jobs to stop; results, progress, and pings with their reasons.
- A job of a caller waits for a worker. Where `result` is set, that function takes the worker's place.

What it does not do: check requests, enforce limits of size, rate or time, delete results, give a job out again, call
webhooks, stream, start or stop workers. Job ids are numbers in order.

A test says what goes wrong. `answers(run=[...])` answers each request of a kind with the next entry of a list, whose
last entry stays; the kind is the first part of the path that is in `KINDS`, else the first part. `on_run` and
`on_status` are called before each such request with its number, from 1, and may return the answer: an `Answer`, a
status, a status with headers, "dropped" (the connection ends without an answer), or "lost" (the job is queued, and
then the connection ends). Answers that are not HTTP come from `tests/clients/raw_server.py`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from aiohttp import web

from .serving import serving

KINDS = frozenset({"run", "runsync", "status", "cancel", "health"})
_POLL_SECONDS = 0.01


@dataclass
class Answer:
    """One scripted answer. A body of bytes is sent as it is, every other as JSON.

    `drop` closes the connection without an answer; `seconds` go by first.
    """

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    seconds: float = 0.0


DROPPED = Answer(drop=True)
Fault = Answer | int | tuple[int, dict[str, str]] | Literal["dropped", "lost"] | None


@dataclass
class Seen:
    """A request of a caller."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def kind_of(path: str) -> str:
    """Which kind of request a path is."""
    parts = path.partition("?")[0].strip("/").split("/")
    return next((part for part in parts if part in KINDS), parts[0])


def completed(output: object) -> dict[str, object]:
    return {"status": "COMPLETED", "output": output}


def failed(code: str, message: str) -> dict[str, object]:
    """What a job that a worker of ours failed is told as."""
    return {"status": "FAILED", "error": json.dumps({"code": code, "message": message})}


@dataclass
class RunPodQueue:
    """One endpoint: `running_queue()` for tests that block, `async with` for those on asyncio.

    Tests set:
        key, there: the only key that is taken (None: any), and whether the endpoint exists.
        result, polls_at_work: what a job ends as, by its input; how many status requests before that find it running.
        files, file_status: what `GET file/NAME` gives.
        answered: called with "run" or "status" and a number before a job's id or end is told.
        to_stop: ids of jobs that the worker is to stop.
        progress_seconds: how long it takes to record a job's progress, as with a slow RunPod.
        long_poll_seconds: how long a worker's poll stays open; RunPod's are open for 90 seconds.
    Tests read:
        seen, asked: the callers' requests; how many of each kind were authorized.
        inputs, submitted, statuses, most_unended: inputs in order, by job; status requests by job; most jobs at once.
        taken, results, progress: jobs that a worker has and since when; what it posted, in order.
        late: jobs whose progress came after their result.
        pings, unhealthy: the worker's pings; the reasons for which it says that it cannot serve.
        polls: how often workers have asked for a job.
    """

    url: str = ""
    key: str | None = None
    there: bool = True
    script: dict[str, list[Answer]] = field(default_factory=dict)
    on_run: Callable[[int], Fault] = lambda _number: None
    on_status: Callable[[int], Fault] = lambda _number: None
    answered: Callable[[str, int], None] = lambda _kind, _number: None
    result: Callable[[dict[str, Any]], dict[str, object]] | None = None
    polls_at_work: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    file_status: int = 200
    progress_seconds: float = 0.0
    long_poll_seconds: float = 1.0
    seen: list[Seen] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    submitted: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    most_unended: int = 0
    waiting: list[dict[str, Any]] = field(default_factory=list)
    to_stop: list[str] = field(default_factory=list)
    taken: dict[str, float] = field(default_factory=dict)
    results: list[tuple[str, float, dict[str, Any]]] = field(default_factory=list)
    progress: list[tuple[str, Any]] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    pings: list[dict[str, str]] = field(default_factory=list)
    polls: int = 0
    _cancelled: set[str] = field(default_factory=set)
    _news: threading.Condition = field(default_factory=threading.Condition)

    async def start(self) -> None:
        self._runner = web.AppRunner(self.app(), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=256 << 20)
        app.add_routes(
            [
                web.get("/worker/job-take/{worker}", self._take),
                web.get("/worker/job-stop/{worker}", self._stop),
                web.post("/worker/job-done/{worker}/{job}", self._done),
                web.get("/worker/ping/{worker}", self._ping),
                web.route("*", "/{rest:.*}", self._call),
            ]
        )
        return app

    # -- for tests ---------------------------------------------------------------------------------------

    def answers(self, **scripts: list[Answer]) -> None:
        """Scripts by kind, instead of those that were there."""
        self.script = {name: list(answers) for name, answers in scripts.items()}

    def count(self, kind: str) -> int:
        """How many requests of a kind came."""
        return sum(kind_of(one.path) == kind for one in self.seen)

    def wait_for(self, kind: str, seconds: float = 30) -> Seen:
        """The first request of a kind, if it does not take too long to come."""
        with self._news:
            assert self._news.wait_for(lambda: self.count(kind) > 0, seconds), f"nobody asked for {kind}"
        return next(one for one in self.seen if kind_of(one.path) == kind)

    @property
    def queued(self) -> Counter[str]:
        """How often each input was queued, by its prompt."""
        return Counter(one["prompt"] for one in self.inputs)

    def forget(self) -> None:
        """Results are no longer kept."""
        self.submitted.clear()

    def submit(self, job_id: str, job_input: object) -> None:
        """A job for the worker, without a caller."""
        self.waiting.append({"id": job_id, "input": job_input})

    def of(self, job_id: str) -> list[dict[str, Any]]:
        """What a worker posted as the result of a job: once, if all is well."""
        return [body for posted, _, body in self.results if posted == job_id]

    async def result_of(self, job_id: str, seconds: float) -> dict[str, Any]:
        """The first of these, once it is there."""
        async with asyncio.timeout(seconds):
            while not (posted := self.of(job_id)):
                await asyncio.sleep(0.02)
        return posted[0]

    @property
    def unhealthy(self) -> list[str]:
        """The reasons of a worker that says that it cannot serve."""
        return [ping.get("reason", "") for ping in self.pings if ping.get("status") == "unhealthy"]

    def environment(self) -> dict[str, str]:
        """What RunPod tells a worker of it."""
        base = f"{self.url}/worker"
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

    # -- callers -------------------------------------------------------------------------------------------------------

    async def _call(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request.method, request.path, dict(request.headers), await request.read())
        answer = await self.answer(seen)
        if answer.drop:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return web.Response(status=answer.status, body=body, headers=answer.headers)

    async def answer(self, seen: Seen) -> Answer:
        """The answer to a request of a caller's, however it came here."""
        kind = kind_of(seen.path)
        with self._news:
            self.seen.append(seen)
            self._news.notify_all()
        if (script := self.script.get(kind)) is not None:
            answer = script.pop(0) if len(script) > 1 else script[0]
            await asyncio.sleep(answer.seconds)
            return answer
        if kind == "file":
            assert "Authorization" not in seen.headers
            content = self.files.get(seen.path.rpartition("/")[2])
            return Answer(404) if content is None else Answer(self.file_status, content)
        if not self.there or kind not in KINDS:
            return Answer(404, {"error": "not there"})
        if self.key is not None and seen.headers.get("Authorization") != f"Bearer {self.key}":
            return Answer(401, {"error": "key"})
        self.asked[kind] += 1
        number = self.asked[kind]
        match kind:
            case "run":
                return await self._run(number, seen.body)
            case "status":
                return await self._status(number, seen.path.rpartition("/")[2])
            case "cancel":
                return self._cancel(seen.path.rpartition("/")[2])
            case _:
                return Answer(body={"jobs": {}, "workers": {}}) if kind == "health" else Answer(404)

    async def _run(self, number: int, body: bytes) -> Answer:
        # A hook may end the process that asks, and wait until it has ended.
        fault = await asyncio.to_thread(self.on_run, number)
        if fault is not None and fault != "lost":
            return _faulty(fault)
        job_id, job_input = f"job-{number}", json.loads(body)["input"]
        self.submitted[job_id] = job_input
        self.inputs.append(job_input)
        if self.result is None:
            self.submit(job_id, job_input)
        self.most_unended = max(self.most_unended, len(self.submitted) - len(self.statuses))
        if fault == "lost":
            return DROPPED
        await asyncio.to_thread(self.answered, "run", number)
        return Answer(body={"id": job_id, "status": "IN_QUEUE"})

    async def _status(self, number: int, job_id: str) -> Answer:
        if (fault := await asyncio.to_thread(self.on_status, number)) is not None:
            return _faulty(fault)
        if job_id not in self.submitted:
            return Answer(404, {"error": "gone"})
        self.statuses[job_id] += 1
        state = self._state(job_id)
        if state["status"] not in ("IN_QUEUE", "IN_PROGRESS"):
            await asyncio.to_thread(self.answered, "status", number)
        return Answer(body={"id": job_id, **state})

    def _state(self, job_id: str) -> dict[str, object]:
        if self.result is not None:
            if self.statuses[job_id] > self.polls_at_work:
                return self.result(self.submitted[job_id])
            return {"status": "IN_PROGRESS", "output": {"node": "a", "percent": 5}}
        if job_id in self._cancelled:
            return {"status": "CANCELLED"}
        if posted := self.of(job_id):
            return {"status": "FAILED", **posted[0]} if "error" in posted[0] else {"status": "COMPLETED", **posted[0]}
        if job_id not in self.taken:
            return {"status": "IN_QUEUE"}
        told = [output for name, output in self.progress if name == job_id]
        return {"status": "IN_PROGRESS", **({"output": told[-1]} if told else {})}

    def _cancel(self, job_id: str) -> Answer:
        if job_id not in self.submitted:
            return Answer(404, {"error": "gone"})
        self._cancelled.add(job_id)
        self.waiting = [job for job in self.waiting if job["id"] != job_id]
        if job_id in self.taken:
            self.to_stop.append(job_id)
        return Answer(body={"id": job_id, "status": "CANCELLED"})

    # -- workers -------------------------------------------------------------------------------------------------------

    async def _take(self, request: web.Request) -> web.Response:
        self.polls += 1
        until = time.monotonic() + self.long_poll_seconds
        while time.monotonic() < until and _is_open(request):
            if self.waiting:
                job = self.waiting.pop(0)
                self.taken[job["id"]] = time.monotonic()
                return web.json_response(job)
            await asyncio.sleep(_POLL_SECONDS)
        return web.Response(status=204)

    async def _stop(self, request: web.Request) -> web.Response:
        until = time.monotonic() + self.long_poll_seconds
        while time.monotonic() < until and _is_open(request):
            if self.to_stop:
                stop, self.to_stop = self.to_stop, []
                return web.json_response({"jobsToStop": stop})
            await asyncio.sleep(_POLL_SECONDS)
        return web.Response(status=204)

    async def _done(self, request: web.Request) -> web.Response:
        job_id, body = request.match_info["job"], json.loads(await request.text())
        if body.get("status") == "IN_PROGRESS":
            await asyncio.sleep(self.progress_seconds)
            self.progress.append((job_id, body["output"]))
            if self.of(job_id):
                self.late.append(job_id)
        else:
            self.results.append((job_id, time.monotonic(), body))
        return web.Response()

    async def _ping(self, request: web.Request) -> web.Response:
        self.pings.append(dict(request.query))
        return web.Response()


@contextmanager
def running_queue(queue: RunPodQueue | None = None) -> Iterator[RunPodQueue]:
    """A queue on a loop and thread of its own."""
    queue = queue or RunPodQueue()
    with serving(queue.app()) as url:
        queue.url = url
        yield queue


def _is_open(request: web.Request) -> bool:
    """Whether who asks is still there: a worker that has ended takes no job."""
    return request.transport is not None and not request.transport.is_closing()


def _faulty(fault: Fault) -> Answer:
    if isinstance(fault, Answer):
        return fault
    if isinstance(fault, str) or fault is None:
        return DROPPED
    status, headers = fault if isinstance(fault, tuple) else (fault, {})
    return Answer(status, b"{}" if status >= 300 else b"<html>", headers)
