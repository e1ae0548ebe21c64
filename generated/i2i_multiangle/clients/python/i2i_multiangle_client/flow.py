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
import re
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeAlias, TypeGuard, TypeVar

from .addresses import job_id_in, job_path
from .contract import RUN_BYTES
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
from .text import plain, read_object

_T = TypeVar("_T")
_Files = TypeVar("_Files", bound=Mapping[str, object])
_ENDED = ("FAILED", "CANCELLED", "TIMED_OUT")
_SECONDS = re.compile(r"[0-9]{1,9}")
# What a number of a job's progress may be: any that every language holds.
_MOST = 2**53
# How often a job that is not known, or ended without its result, is looked at again: the queue may be behind itself.
_SECOND_LOOKS = 3


@dataclass(frozen=True)
class Options:
    """How patient a client is. Times in seconds, sizes in bytes."""

    # Of one HTTP request from connecting to its last byte; one more for every 64 KiB that is sent or received, so that
    # slow lines are waited for, and drops that never end are not.
    request_seconds: float = 60.0
    # A whole call: queueing, waiting and running.
    call_seconds: float = 1800.0
    # The first and the longest wait between two looks at a job; in between, a tenth of the time that it has taken.
    poll_seconds: tuple[float, float] = (0.5, 10.0)
    # How often a request that is safe to repeat is tried again, and how long at most before one try.
    retries: int = 4
    retry_seconds: float = 30.0
    # RunPod's own limit of a request to /run.
    max_request_bytes: int = RUN_BYTES
    # Of an answer, unpacked; RunPod's own are at most 20 MB.
    max_answer_bytes: int = 32_000_000
    max_download_bytes: int = 2_000_000_000
    # Whether an input is checked here before it is sent, by the package's schema and in the worker's words.
    check_input: bool = True


@dataclass(frozen=True)
class Send:
    """A step: send a request to the endpoint."""

    method: str
    path: str
    # It may hold the keys of a bucket.
    body: bytes | None = field(default=None, repr=False)
    # As Options.request_seconds; and how long it may take in all, however much comes.
    seconds: float = 60.0
    most_seconds: float = math.inf
    # What it says beside its input.
    job: JobOptions | None = None


@dataclass(frozen=True)
class Wait:
    """A step: do nothing for so long."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """What came of a step.

    `broken` says what is known of a request without an answer, `unusable` what is wrong with the body of one.
    """

    status: int = 0
    body: bytes = b""
    retry_after: str | None = None
    broken: Literal["nothing_sent", "perhaps_sent"] | None = None
    reason: str = ""
    unusable: str = ""


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
    body = _body(request, job)
    if len(body) > options.max_request_bytes:
        raise InputRefused(
            f"the request has {len(body):,} bytes, an endpoint takes {options.max_request_bytes:,}: "
            "give images as https URLs, or smaller ones"
        )
    return job_id_in((yield from _exchange(Send("POST", "/run", body, job=job), options, None, deadline)))


def cancel(job_id: str, options: Options, deadline: float = math.inf) -> Flow[None]:
    """Stops a job, or takes it out of the queue. A job that has ended stays as it is."""
    yield from _exchange(Send("POST", job_path("cancel", job_id)), options, job_id, deadline)


def look(job_id: str, options: Options, deadline: float = math.inf) -> Flow[dict[str, object]]:
    """How a job is now, as /status says it."""
    return (yield from _exchange(Send("GET", job_path("status", job_id)), options, job_id, deadline))


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
        job: dict[str, object] = {}
        try:
            job = yield from look(job_id, options, deadline)
            doubt = _doubt(job, keys, job_id)
        except ResultGone as error:
            doubt = error
        state, output = job.get("status"), job.get("output")
        doubts = doubts + 1 if doubt is not None else 0
        if doubt is not None and doubts > _SECOND_LOOKS:
            raise doubt
        if doubt is None and state == "COMPLETED" and isinstance(output, dict):
            return output
        if doubt is None:
            progress = _progress(_last(state), output)
            if on_progress is not None and progress != told:
                on_progress(progress)
            told = progress
        now = time.monotonic()
        if now >= deadline:
            raise CallTimeout(f"job {job_id} has not ended in time; it was last {_last(state)}", job_id=job_id)
        first, longest = options.poll_seconds
        pause = min(max(first, (now - started) / 10), longest) * random.uniform(0.9, 1.1)  # noqa: S311
        yield Wait(min(pause, deadline - now))


def _doubt(job: Mapping[str, object], keys: tuple[str, ...], job_id: str) -> CallError | None:
    """What is wrong with a look at a job that may be better at the next; None for one that goes on, or has its result.

    Raises:
        JobFailed: it ended without a result.
    """
    state, output = job.get("status"), job.get("output")
    if not isinstance(state, str):
        return UnexpectedAnswer(f"the answer for job {job_id} says no state", job_id=job_id)
    if state in _ENDED:
        raise failure(state, job.get("error"), job_id)
    # A progress update that comes after the result overwrites it (runpod-python#250).
    if state == "COMPLETED" and not (isinstance(output, dict) and all(key in output for key in keys)):
        return ResultGone(f"job {job_id} is COMPLETED, but its result is not there", job_id=job_id)
    return None


def _exchange(send: Send, options: Options, job_id: str | None, deadline: float = math.inf) -> Flow[dict[str, object]]:
    """One request and its answer, tried again where that is safe."""
    tries = 0
    while True:
        # A last look is worth a second even where no time is left.
        left = max(deadline - time.monotonic(), 1.0)
        reply = yield replace(send, seconds=min(options.request_seconds, left), most_seconds=left)
        if reply.broken is None and reply.status in range(200, 300):
            return _object(reply, send, job_id)
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
    asked = seconds_asked(reply.retry_after)
    if asked is not None:
        return None if asked > options.retry_seconds else asked
    return min(0.5 * 2.0**tries, options.retry_seconds) * random.uniform(0.5, 1.0)  # noqa: S311


def seconds_asked(retry_after: str | None) -> float | None:
    """What a Retry-After asks for: as a number of seconds only, RunPod sends no dates."""
    asked = (retry_after or "").strip()
    return float(asked) if _SECONDS.fullmatch(asked) else None


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
        again = seconds_asked(reply.retry_after)
        return RateLimited(f"{where}: HTTP 429: too many requests", job_id=job_id, retry_after=again)
    if reply.status >= 500:
        return Unreachable(f"{where}: HTTP {reply.status}", job_id=job_id)
    said = plain(without_secrets(reply.body[:1000].decode("utf-8", "replace"), send.job), 200)
    if send.path == "/run" and reply.status in {400, 413, 422}:
        return InputRefused(f"{where}: HTTP {reply.status}: {said}")
    return UnexpectedAnswer(f"{where}: HTTP {reply.status}: {said}", job_id=job_id)


def _object(reply: Reply, send: Send, job_id: str | None) -> dict[str, object]:
    if reply.unusable:
        raise UnexpectedAnswer(f"{send.method} {send.path}: {reply.unusable}", job_id=job_id)
    try:
        return read_object(reply.body)
    except ValueError:
        said = plain(without_secrets(reply.body[:1000].decode("utf-8", "replace"), send.job), 80)
        raise UnexpectedAnswer(f"an answer that is no JSON object: {said!r}", job_id=job_id) from None


def _body(request: Mapping[str, object], job: JobOptions | None) -> bytes:
    try:
        return json.dumps({"input": request, **beside_input(job)}, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputRefused(f"the request cannot be sent: {plain(str(error), 200)}") from None


def _last(state: object) -> str:
    return plain(state, 40) if isinstance(state, str) else "not known"


def _progress(state: str, output: object) -> Progress[Mapping[str, object]]:
    if not isinstance(output, dict):
        return Progress(state)
    percent, node, outputs = output.get("percent"), output.get("node"), output.get("outputs")
    files = output.get("files")
    return Progress(
        state,
        float(percent) if _is_number(percent) else None,
        plain(node, 200) if isinstance(node, str) else None,
        _count(output.get("step")),
        _count(output.get("of")),
        {
            plain(name, 100): plain(said, 40)
            for name, said in (outputs if isinstance(outputs, dict) else {}).items()
            if isinstance(said, str)
        },
        files if isinstance(files, dict) and files else None,
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _MOST


def _count(value: object) -> int | None:
    return int(value) if _is_number(value) and value == int(value) else None
