"""The job queue of one endpoint, with RunPod's states, time limits and retention.

It does no I/O: the clock is passed in, and events signal changes.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from comfy2runpod_contract.job_status import LIVE_STATUSES, RETRIABLE_STATUSES, JobStatus
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.limits import DEFAULT_TTL_MS, RUN_KEPT_SECONDS, RUNSYNC_KEPT_SECONDS

# How long RunPod keeps a result, by the operation that queued the job.
TTL_SECONDS = DEFAULT_TTL_MS / 1000
# With so many queued jobs, or bytes of their inputs, a new one is refused with 429.
MAX_QUEUED = 1000
MAX_QUEUED_BYTES = 1 << 30
# With more bytes of inputs and outputs of ended jobs, the oldest are removed before their time.
MAX_KEPT_BYTES = 1 << 30


class QueueFull(Exception):
    """Too many jobs are queued."""


@dataclass(slots=True)
class Request:
    """A caller's request. The time limits of its policy are in seconds; None for the endpoint's.

    `size` is that of the body in bytes.
    """

    input: Json
    extras: JsonObject
    webhook: str | None
    execution_seconds: float | None
    ttl_seconds: float | None
    low_priority: bool
    sync: bool
    size: int = 0


@dataclass(slots=True)
class Job:
    """One job. Times are in seconds of the clock."""

    id: str
    request: Request
    queued_at: float
    state: JobStatus = JobStatus.IN_QUEUE
    taken_at: float | None = None
    ended_at: float | None = None
    output: Json = None
    has_output: bool = False
    output_size: int = 0
    error: str | None = None
    stream: list[Json] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ended(self) -> bool:
        """Whether the job has ended."""
        return self.state not in LIVE_STATUSES

    @property
    def size(self) -> int:
        """The size of its input and output, in bytes of JSON."""
        return self.request.size + self.output_size

    def to_json(self) -> JsonObject:
        """Returns the answer of /status."""
        answer: JsonObject = {"id": self.id, "status": self.state.value}
        if self.taken_at is not None:
            answer["delayTime"] = _milliseconds(self.taken_at - self.queued_at)
            if self.ended_at is not None:
                answer["executionTime"] = _milliseconds(self.ended_at - self.taken_at)
        if self.has_output:
            answer["output"] = self.output
        if self.error is not None:
            answer["error"] = self.error
        return answer


@dataclass(slots=True)
class Jobs:
    """All jobs of one endpoint.

    Attributes:
        clock: returns the time in seconds.
        execution_seconds: the endpoint's time limit for running a job.
        on_end: called with each job that ends.
        retried: how many jobs were retried.
        counts: how many jobs ended, by state.
        work: set when a job is queued or is to be stopped.
    """

    clock: Callable[[], float]
    execution_seconds: float
    on_end: Callable[[Job], None] = lambda _job: None
    retried: int = 0
    counts: dict[JobStatus, int] = field(default_factory=dict)
    work: asyncio.Event = field(default_factory=asyncio.Event)
    _jobs: dict[str, Job] = field(default_factory=dict)
    _waiting: deque[Job] = field(default_factory=deque)
    _stop: list[str] = field(default_factory=list)

    def add(self, request: Request) -> Job:
        """Queues a job.

        Raises:
            QueueFull: too many jobs are queued.
        """
        self.sweep()
        if self._is_full(request):
            raise QueueFull
        job = Job(f"{'sync-' if request.sync else ''}{uuid.uuid4()}-u1", request, self.clock())
        self._jobs[job.id] = job
        self._enqueue(job)
        return job

    def get(self, job_id: str) -> Job | None:
        """Returns a job, or None if RunPod would no longer know it."""
        self.sweep()
        return self._jobs.get(job_id)

    def take(self) -> Job | None:
        """Takes the next job for the worker, and sets it to IN_PROGRESS. Returns None if no job is queued."""
        self.sweep()
        if not self._waiting:
            return None
        job = self._waiting.popleft()
        job.state, job.taken_at = JobStatus.IN_PROGRESS, self.clock()
        job.changed.set()
        return job

    def progress(self, job_id: str, output: Json) -> None:
        """Stores a progress update. One that arrives after the result is dropped, since it would overwrite it."""
        job = self._jobs.get(job_id)
        if job is not None and job.state is JobStatus.IN_PROGRESS:
            job.output, job.has_output = output, True

    def add_stream_part(self, job_id: str, output: Json) -> None:
        """Stores a part of a streamed output."""
        job = self._jobs.get(job_id)
        if job is not None and job.state is JobStatus.IN_PROGRESS:
            job.stream.append(output)
            job.changed.set()

    def finish(self, job_id: str, result: JsonObject, size: int = 0) -> None:
        """Stores a result of `size` bytes. That of a job that was stopped is dropped."""
        job = self._jobs.get(job_id)
        if job is None or job.state is not JobStatus.IN_PROGRESS:
            return
        error = result.get("error")
        job.output, job.has_output, job.output_size = result.get("output"), "output" in result, size
        if error is not None:
            job.error = error if isinstance(error, str) else str(error)
        self._end(job, JobStatus.COMPLETED if error is None else JobStatus.FAILED)

    def cancel(self, job: Job) -> None:
        """Removes a job from the queue, or stops it. A job that has ended is not changed."""
        if not job.ended:
            self._stop_job(job, JobStatus.CANCELLED)

    def retry(self, job: Job) -> bool:
        """Queues a failed or timed out job again, with the same id; returns False for another state.

        Raises:
            QueueFull: too many jobs are queued.
        """
        if job.state not in RETRIABLE_STATUSES:
            return False
        if self._is_full(job.request):
            raise QueueFull
        self.retried += 1
        self.counts[job.state] -= 1
        job.state, job.queued_at = JobStatus.IN_QUEUE, self.clock()
        job.taken_at = job.ended_at = job.error = job.output = None
        job.has_output, job.output_size = False, 0
        job.stream.clear()
        self._enqueue(job)
        return True

    def purge(self) -> int:
        """Removes all queued jobs, and returns how many."""
        dropped = list(self._waiting)
        for job in dropped:
            self.cancel(job)
        return len(dropped)

    def to_stop(self) -> list[str]:
        """Returns the ids of jobs that the worker must stop. Each is returned once."""
        self.sweep()
        ids, self._stop = self._stop, []
        return ids

    def fail_running(self, reason: str) -> None:
        """Fails the running jobs, after the worker has ended."""
        for job in list(self._jobs.values()):
            if job.state is JobStatus.IN_PROGRESS:
                job.error, job.has_output = reason, False
                self._end(job, JobStatus.FAILED)
        self._stop.clear()

    def waiting(self) -> int:
        """Returns how many jobs are queued."""
        return len(self._waiting)

    def running(self) -> int:
        """Returns how many jobs are running."""
        return sum(job.state is JobStatus.IN_PROGRESS for job in self._jobs.values())

    def sweep(self) -> None:
        """Times jobs out, and removes those that RunPod would no longer keep."""
        now = self.clock()
        for job in list(self._jobs.values()):
            request = job.request
            if job.ended_at is not None:
                kept = RUNSYNC_KEPT_SECONDS if request.sync else RUN_KEPT_SECONDS
                if now - job.ended_at > kept:
                    del self._jobs[job.id]
            elif now - job.queued_at > (TTL_SECONDS if request.ttl_seconds is None else request.ttl_seconds):
                self._stop_job(job, JobStatus.TIMED_OUT)
                del self._jobs[job.id]
            elif job.taken_at is not None and now - job.taken_at > (
                request.execution_seconds or self.execution_seconds
            ):
                job.error = "executionTimeout exceeded"
                self._stop_job(job, JobStatus.TIMED_OUT)

    def _is_full(self, request: Request) -> bool:
        waiting = sum(job.request.size for job in self._waiting)
        return len(self._waiting) >= MAX_QUEUED or waiting + request.size > MAX_QUEUED_BYTES

    def _remove_oldest(self) -> None:
        ended = sorted(
            (job for job in self._jobs.values() if job.ended_at is not None), key=lambda job: job.ended_at or 0
        )
        size = sum(job.size for job in ended)
        # Keeps the newest, which its caller waits for.
        for job in ended[:-1]:
            if size <= MAX_KEPT_BYTES:
                return
            del self._jobs[job.id]
            size -= job.size

    def _enqueue(self, job: Job) -> None:
        if job.request.low_priority:
            self._waiting.append(job)
        else:
            behind = sum(not other.request.low_priority for other in self._waiting)
            self._waiting.insert(behind, job)
        self.work.set()

    def _stop_job(self, job: Job, state: JobStatus) -> None:
        if job.state is JobStatus.IN_PROGRESS:
            self._stop.append(job.id)
        else:
            self._waiting.remove(job)
        job.output, job.has_output = None, False
        self._end(job, state)
        self.work.set()

    def _end(self, job: Job, state: JobStatus) -> None:
        job.state, job.ended_at = state, self.clock()
        if state not in RETRIABLE_STATUSES:
            # It cannot be retried.
            job.request.input, job.request.size = None, 0
        self.counts[state] = self.counts.get(state, 0) + 1
        job.changed.set()
        self.on_end(job)
        self._remove_oldest()


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
