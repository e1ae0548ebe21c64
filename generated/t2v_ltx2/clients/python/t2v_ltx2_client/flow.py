"""What a call does, step by step, without doing any of it: the sync and the async client walk the same steps.

A flow is a generator: it yields a step (send this, wait so long) and is sent what came of it. So every rule about
retries, waiting and ends is written, and tested, once.

What is tried again: GET and /cancel after a broken connection, HTTP 5xx, or 429; /run only where surely nothing was
queued: no connection was made, or 429 with Retry-After.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeAlias, TypeVar

from .errors import (
    CallError,
    CallTimeout,
    EndpointNotFound,
    InputRefused,
    RateLimited,
    ResultGone,
    SubmissionUnknown,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    failure,
)
from .job_options import JobOptions, beside_input, without_secrets

_T = TypeVar("_T")
_Files = TypeVar("_Files", bound=Mapping[str, object])
_ENDED = ("FAILED", "CANCELLED", "TIMED_OUT")
# How often a job that is not known, or ended without its result, is looked at again: the queue may be behind itself.
_SECOND_LOOKS = 3


@dataclass(frozen=True)
class Options:
    """How patient a client is. Times in seconds, sizes in bytes."""

    # Of one HTTP request: connecting, and each wait for the other side's next bytes.
    request_seconds: float = 60.0
    # A whole call: queueing, waiting and running.
    call_seconds: float = 1800.0
    # The first and the longest wait between two looks at a job; in between, a tenth of the time that it has taken.
    poll_seconds: tuple[float, float] = (0.5, 10.0)
    # How often a request that is safe to repeat is tried again, and how long at most before one try.
    retries: int = 4
    retry_seconds: float = 30.0
    # RunPod's own limit of a request to /run.
    max_request_bytes: int = 10_000_000
    max_download_bytes: int = 2_000_000_000


@dataclass(frozen=True)
class Send:
    """A step: send a request to the endpoint."""

    method: str
    path: str
    # It may hold the keys of a bucket.
    body: bytes | None = field(default=None, repr=False)
    # The request's own limit, where the end of the whole call is nearer.
    seconds: float | None = None
    # What it says beside its input.
    job: JobOptions | None = None


@dataclass(frozen=True)
class Wait:
    """A step: do nothing for so long."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """What came of a step. `broken` says what is known of a request without an answer."""

    status: int = 0
    body: bytes = b""
    retry_after: str | None = None
    broken: Literal["nothing_sent", "perhaps_sent"] | None = None
    reason: str = ""


Flow: TypeAlias = Generator[Send | Wait, Reply, _T]


@dataclass(frozen=True)
class Progress(Generic[_Files]):
    """How far a job is. All but `state` is there only if the worker says it."""

    state: str
    percent: float | None = None
    node: str | None = None
    step: int | None = None
    of: int | None = None
    # For each of several outputs: waiting, running or done.
    outputs: Mapping[str, str] = field(default_factory=dict)
    # Of several outputs by URL, those that are done, as the answer will have them; each update has all so far.
    files: _Files | None = None


OnProgress: TypeAlias = Callable[[Progress[_Files]], None]


def submit(
    request: Mapping[str, object], options: Options, deadline: float = math.inf, job: JobOptions | None = None
) -> Flow[str]:
    """Queues a job; its id. The deadline is one of time.monotonic."""
    body = json.dumps({"input": request, **beside_input(job)}).encode()
    if len(body) > options.max_request_bytes:
        raise InputRefused(
            f"the request has {len(body):,} bytes, an endpoint takes {options.max_request_bytes:,}: "
            "give pictures as https URLs, or smaller ones"
        )
    queued = yield from _exchange(Send("POST", "/run", body, job=job), options, None, deadline)
    job_id = queued.get("id")
    if not isinstance(job_id, str):
        raise UnexpectedAnswer("the answer to /run holds no id")
    return job_id


def cancel(job_id: str, options: Options) -> Flow[None]:
    """Stops a job, or takes it out of the queue. A job that has ended stays as it is."""
    yield from _exchange(Send("POST", f"/cancel/{job_id}"), options, job_id)


def look(job_id: str, options: Options, deadline: float = math.inf) -> Flow[dict[str, object]]:
    """How a job is now, as /status says it."""
    return (yield from _exchange(Send("GET", f"/status/{job_id}"), options, job_id, deadline))


def result(
    job_id: str,
    options: Options,
    keys: tuple[str, ...],
    on_progress: OnProgress[Mapping[str, object]] | None,
    deadline: float,
) -> Flow[dict[str, object]]:
    """Looks at a job until it ends; its output, which must hold `keys`.

    Raises:
        JobFailed: it ended without a result.
        ResultGone: the endpoint knows the job no longer, or has no result of it.
        CallTimeout: the deadline (of time.monotonic) came first.
    """
    started, told, doubts = time.monotonic(), None, 0
    while True:
        try:
            job = yield from look(job_id, options, deadline)
        except ResultGone:
            job, doubts = {}, doubts + 1
            if doubts > _SECOND_LOOKS:
                raise
        state, output = job.get("status"), job.get("output")
        if state in _ENDED:
            raise failure(str(state), job.get("error"), job_id)
        if state == "COMPLETED":
            # A progress update that comes after the result overwrites it (runpod-python#250).
            if isinstance(output, dict) and all(key in output for key in keys):
                return output
            doubts += 1
            if doubts > _SECOND_LOOKS:
                raise ResultGone(f"job {job_id} is COMPLETED, but its result is not there", job_id=job_id)
        elif state is not None:
            doubts = 0
            progress = _progress(str(state), output)
            if on_progress is not None and progress != told:
                on_progress(progress)
            told = progress
        now = time.monotonic()
        if now >= deadline:
            raise CallTimeout(f"job {job_id} has not ended in time; it was last {state}", job_id=job_id)
        first, longest = options.poll_seconds
        pause = min(max(first, (now - started) / 10), longest) * random.uniform(0.9, 1.1)  # noqa: S311
        yield Wait(min(pause, deadline - now))


def _exchange(send: Send, options: Options, job_id: str | None, deadline: float = math.inf) -> Flow[dict[str, object]]:
    """One request and its answer, tried again where that is safe."""
    tries = 0
    while True:
        left = deadline - time.monotonic()
        # A last look is worth a second even where no time is left.
        reply = yield replace(send, seconds=min(options.request_seconds, max(left, 1.0)))
        if reply.status in range(200, 300):
            return _object(reply.body, send)
        error = _refusal(reply, send, job_id)
        pause = _pause(reply, tries, options) if _safe(reply, send) else None
        if pause is None:
            raise error
        if time.monotonic() + pause > deadline:
            raise CallTimeout(f"no time is left to try again: {error}", job_id=job_id) from error
        tries += 1
        yield Wait(pause)


def _safe(reply: Reply, send: Send) -> bool:
    if send.path == "/run":
        return reply.broken == "nothing_sent" or (reply.status == 429 and reply.retry_after is not None)
    return reply.broken is not None or reply.status == 429 or reply.status >= 500


def _pause(reply: Reply, tries: int, options: Options) -> float | None:
    """Seconds before the next try; None if there is to be none."""
    if tries >= options.retries:
        return None
    asked = _seconds(reply.retry_after)
    if asked is not None:
        return None if asked > options.retry_seconds else asked
    return min(0.5 * 2.0**tries, options.retry_seconds) * random.uniform(0.5, 1.0)  # noqa: S311


def _seconds(retry_after: str | None) -> float | None:
    # As a number of seconds only: RunPod sends no dates.
    return float(retry_after) if retry_after is not None and retry_after.strip().isdigit() else None


def _refusal(reply: Reply, send: Send, job_id: str | None) -> CallError:
    where = f"{send.method} {send.path}"
    if reply.broken == "nothing_sent":
        return Unreachable(f"{where}: no connection ({reply.reason})", job_id=job_id)
    if send.path == "/run" and (reply.broken is not None or reply.status >= 500):
        reason = reply.reason or f"HTTP {reply.status}"
        return SubmissionUnknown(f"{where}: {reason}; the job may be queued, or not")
    if reply.broken is not None:
        return Unreachable(f"{where}: the connection broke ({reply.reason})", job_id=job_id)
    if reply.status in {401, 403}:
        return Unauthorized(f"{where}: HTTP {reply.status}: the API key is not valid for this endpoint", job_id=job_id)
    if reply.status == 404:
        if job_id is None:
            return EndpointNotFound(f"{where}: HTTP 404: there is no such endpoint")
        return ResultGone(f"{where}: HTTP 404: the endpoint does not know job {job_id}", job_id=job_id)
    if reply.status == 429:
        again = _seconds(reply.retry_after)
        return RateLimited(f"{where}: HTTP 429: too many requests", job_id=job_id, retry_after=again)
    if reply.status >= 500:
        return Unreachable(f"{where}: HTTP {reply.status}", job_id=job_id)
    said = without_secrets(reply.body.decode("utf-8", "replace"), send.job)[:200]
    if send.path == "/run" and reply.status in {400, 413, 422}:
        return InputRefused(f"{where}: HTTP {reply.status}: {said}")
    return UnexpectedAnswer(f"{where}: HTTP {reply.status}: {said}", job_id=job_id)


def _object(body: bytes, send: Send) -> dict[str, object]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        said = without_secrets(body.decode("utf-8", "replace"), send.job)[:80]
        raise UnexpectedAnswer(f"an answer that is no JSON object: {said!r}")
    return value


def _progress(state: str, output: object) -> Progress[Mapping[str, object]]:
    if not isinstance(output, dict):
        return Progress(state)
    percent, node, outputs = output.get("percent"), output.get("node"), output.get("outputs")
    step, of, files = output.get("step"), output.get("of"), output.get("files")
    return Progress(
        state,
        float(percent) if isinstance(percent, (int, float)) else None,
        node if isinstance(node, str) else None,
        step if isinstance(step, int) else None,
        of if isinstance(of, int) else None,
        {str(name): str(value) for name, value in outputs.items()} if isinstance(outputs, dict) else {},
        files if isinstance(files, dict) and files else None,
    )
