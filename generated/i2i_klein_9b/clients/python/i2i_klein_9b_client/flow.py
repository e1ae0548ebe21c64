"""The protocol of a call, without I/O: the sync and the async client execute the same steps.

A flow is a generator. It yields a step (send a request, wait) and receives its result. So the rules for retries and
waiting exist once.

Retried are GET and /cancel after a failed connection, HTTP 5xx or 429. /run is not idempotent: it is retried only if
surely nothing was queued, because no connection was made, or RunPod answered 429 with Retry-After.
"""

from __future__ import annotations

import base64
import json
import math
import random
import re
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeAlias, TypeGuard, TypeVar

from .addresses import job_id_in, job_path
from .contract import FAILED_STATUSES, PREVIEW_BYTES, RUN_BYTES
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

_JPEG = b"\xff\xd8\xff"

_T = TypeVar("_T")
_Files = TypeVar("_Files", bound=Mapping[str, object])
_SECONDS = re.compile(r"[0-9]{1,9}")
# The largest number in a progress update: every language represents it exactly.
_MAX_NUMBER = 2**53
# How often a job that is unknown, or completed without a result, is polled again: the queue is eventually consistent.
_EXTRA_POLLS = 3


@dataclass(frozen=True)
class Options:
    """A client's time and size limits. Times are in seconds, sizes in bytes."""

    # For one HTTP request, from connecting to the last byte; plus one second for every 64 KiB that is sent or received.
    # So slow connections are tolerated, and a server that sends a byte at a time is not.
    request_seconds: float = 60.0
    # For a whole call: queueing, waiting and running.
    call_seconds: float = 1800.0
    # The first and the longest interval between two polls; in between, a tenth of the time since the job was sent.
    poll_seconds: tuple[float, float] = (0.5, 10.0)
    # How often a request is retried if that is safe, and the longest pause before a retry.
    retries: int = 4
    retry_seconds: float = 30.0
    # RunPod's limit for a request to /run.
    max_request_bytes: int = RUN_BYTES
    # Of an answer, decompressed. RunPod's are at most 20 MB.
    max_answer_bytes: int = 32_000_000
    max_download_bytes: int = 2_000_000_000
    # Of the files of one answer: how many, and their bytes together. One whose size the answer does not tell is counted
    # once it is there.
    max_files: int = 10_000
    max_total_bytes: int = 10_000_000_000
    # Whether to check an input against the package's schema before sending it, with the worker's messages.
    check_input: bool = True


@dataclass(frozen=True)
class Send:
    """A step: send a request to the endpoint."""

    method: str
    path: str
    # It may contain the access keys of a bucket.
    body: bytes | None = field(default=None, repr=False)
    # As Options.request_seconds; and a limit for the whole request, independent of its size.
    seconds: float = 60.0
    most_seconds: float = math.inf
    # The options that are sent beside the input.
    job: JobOptions | None = None


@dataclass(frozen=True)
class Wait:
    """A step: wait."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """The result of a step.

    `broken` is set if a request got no answer: whether it may have been sent. `unusable` says why the body of an answer
    cannot be read.
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
    """The progress of a job. All fields but `state` are set only if the worker reports them."""

    state: str
    percent: float | None = None
    node: str | None = None
    step: int | None = None
    of: int | None = None
    # For each of several outputs: waiting, running or done.
    outputs: Mapping[str, str] = field(default_factory=dict)
    # If several outputs are delivered by URL: the files that are uploaded so far, in the form of the answer.
    files: _Files | None = None
    # If the endpoint sends previews: a small JPEG of what the node is making.
    preview: bytes | None = None


OnProgress: TypeAlias = Callable[[Progress[_Files]], None]


def submit(
    request: Mapping[str, object], options: Options, deadline: float = math.inf, job: JobOptions | None = None
) -> Flow[str]:
    """Queues a job.

    Args:
        request: the job's input.
        options: the client's limits.
        deadline: in seconds of `time.monotonic`.
        job: options of this job.

    Returns:
        The job's id.

    Raises:
        InputRefused: the request is too large, or cannot be encoded as JSON.
        SubmissionUnknown: the answer was lost; the job may be queued.
        CallError: the request failed.
    """
    body = _body(request, job)
    if len(body) > options.max_request_bytes:
        raise InputRefused(
            f"the request has {len(body):,} bytes, an endpoint accepts {options.max_request_bytes:,}: "
            "send files as https URLs, or smaller ones"
        )
    return job_id_in((yield from _exchange(Send("POST", "/run", body, job=job), options, None, deadline)))


def cancel(job_id: str, options: Options, deadline: float = math.inf) -> Flow[None]:
    """Cancels a job. A job that has ended is not changed."""
    yield from _exchange(Send("POST", job_path("cancel", job_id)), options, job_id, deadline)


def get_status(job_id: str, options: Options, deadline: float = math.inf) -> Flow[dict[str, object]]:
    """Returns the state of a job, as /status reports it."""
    return (yield from _exchange(Send("GET", job_path("status", job_id)), options, job_id, deadline))


def result(
    job_id: str,
    options: Options,
    keys: tuple[str, ...],
    on_progress: OnProgress[Mapping[str, object]] | None,
    deadline: float,
) -> Flow[dict[str, object]]:
    """Polls a job until it ends.

    Args:
        job_id: the job.
        options: the client's limits.
        keys: what every output contains.
        on_progress: called with each change of the progress.
        deadline: in seconds of `time.monotonic`.

    Returns:
        The job's output.

    Raises:
        JobFailed: the job failed.
        ResultGone: the endpoint no longer knows the job, or has no result of it.
        CallTimeout: the job has not ended by the deadline. It is not cancelled.
    """
    started, reported, inconsistent_polls = time.monotonic(), None, 0
    while True:
        job: dict[str, object] = {}
        try:
            job = yield from get_status(job_id, options, deadline)
            problem = _inconsistency(job, keys, job_id)
        except ResultGone as error:
            problem = error
        state, output = job.get("status"), job.get("output")
        inconsistent_polls = inconsistent_polls + 1 if problem is not None else 0
        if problem is not None and inconsistent_polls > _EXTRA_POLLS:
            raise problem
        if problem is None and state == "COMPLETED" and isinstance(output, dict):
            return output
        if problem is None:
            progress = _progress(_state_text(state), output)
            if on_progress is not None and progress != reported:
                on_progress(progress)
            reported = progress
        now = time.monotonic()
        if now >= deadline:
            raise CallTimeout(
                f"job {job_id} has not ended in time; its last state was {_state_text(state)}", job_id=job_id
            )
        first, longest = options.poll_seconds
        pause = min(max(first, (now - started) / 10), longest) * random.uniform(0.9, 1.1)  # noqa: S311
        yield Wait(min(pause, deadline - now))


def _inconsistency(job: Mapping[str, object], keys: tuple[str, ...], job_id: str) -> CallError | None:
    """Returns what is inconsistent in the state of a job, which the next poll may correct; None if nothing is.

    Raises:
        JobFailed: the job failed.
    """
    state, output = job.get("status"), job.get("output")
    if not isinstance(state, str):
        return UnexpectedAnswer(f"the answer for job {job_id} has no state", job_id=job_id)
    if state in FAILED_STATUSES:
        raise failure(state, job.get("error"), job_id)
    # A progress update that comes after the result overwrites it (runpod-python#250).
    if state == "COMPLETED" and not (isinstance(output, dict) and all(key in output for key in keys)):
        return ResultGone(f"job {job_id} is COMPLETED, but has no result", job_id=job_id)
    return None


def _exchange(send: Send, options: Options, job_id: str | None, deadline: float = math.inf) -> Flow[dict[str, object]]:
    """Sends a request, and retries it if that is safe."""
    retries = 0
    while True:
        # The last poll gets a second even if no time is left.
        left = max(deadline - time.monotonic(), 1.0)
        reply = yield replace(send, seconds=min(options.request_seconds, left), most_seconds=left)
        if reply.broken is None and reply.status in range(200, 300):
            return _object(reply, send, job_id)
        error = _refusal(reply, send, job_id)
        pause = _retry_pause(reply, retries, options) if _is_retryable(reply, send) else None
        if pause is None:
            raise error
        if time.monotonic() + pause > deadline:
            raise CallTimeout(f"no time is left for a retry: {error}", job_id=job_id) from error
        retries += 1
        yield Wait(pause)


def _is_retryable(reply: Reply, send: Send) -> bool:
    if send.path == "/run":
        return reply.broken == "nothing_sent" or (reply.status == 429 and reply.retry_after is not None)
    return reply.broken is not None or reply.status == 429 or reply.status >= 500


def _retry_pause(reply: Reply, retries: int, options: Options) -> float | None:
    """Seconds before the next retry, with exponential backoff; None if there is none."""
    if retries >= options.retries:
        return None
    requested = retry_after_seconds(reply.retry_after)
    if requested is not None:
        return None if requested > options.retry_seconds else requested
    return min(0.5 * 2.0**retries, options.retry_seconds) * random.uniform(0.5, 1.0)  # noqa: S311


def retry_after_seconds(retry_after: str | None) -> float | None:
    """Parses a Retry-After header. Only a number of seconds is supported, since RunPod sends no dates."""
    text = (retry_after or "").strip()
    return float(text) if _SECONDS.fullmatch(text) else None


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
    said = plain(without_secrets(reply.body[:1000].decode("utf-8", "replace"), send.job), 200)
    if reply.status == 404:
        if job_id is None:
            # `serve` names those that there are.
            return EndpointNotFound(f"{where}: HTTP 404: there is no such endpoint{said and f': {said}'}")
        return ResultGone(f"{where}: HTTP 404: the endpoint does not know job {job_id}", job_id=job_id)
    if reply.status == 429:
        pause = retry_after_seconds(reply.retry_after)
        return RateLimited(f"{where}: HTTP 429: too many requests", job_id=job_id, retry_after=pause)
    if reply.status >= 500:
        return Unreachable(f"{where}: HTTP {reply.status}", job_id=job_id)
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
        raise UnexpectedAnswer(f"the answer is not a JSON object: {said!r}", job_id=job_id) from None


def _body(request: Mapping[str, object], job: JobOptions | None) -> bytes:
    try:
        return json.dumps({"input": request, **beside_input(job)}, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputRefused(f"the request cannot be sent: {plain(str(error), 200)}") from None


def _state_text(state: object) -> str:
    return plain(state, 40) if isinstance(state, str) else "unknown"


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
        _preview(output.get("preview")),
    )


def _preview(value: object) -> bytes | None:
    if not isinstance(value, str) or len(value) > PREVIEW_BYTES * 4 // 3 + 4:
        return None
    try:
        image = base64.b64decode(value, validate=True)
    except ValueError:
        return None
    return image if image.startswith(_JPEG) else None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER


def _count(value: object) -> int | None:
    return int(value) if _is_number(value) and value == int(value) else None
