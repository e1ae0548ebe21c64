"""The queue of one endpoint, as RunPod keeps it: jobs, their states and times, and how long results are kept.

No I/O: the time is given by a clock, and whoever waits for a change does so on an event.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from comfy2runpod.ir.json import Json, JsonObject
from comfy2runpod_contract.limits import DEFAULT_TTL_MS, RUN_KEPT_SECONDS, RUNSYNC_KEPT_SECONDS

# RunPod's own: how long a result can be asked for, by the operation that queued the job.
TTL_SECONDS = DEFAULT_TTL_MS / 1000
# Above so many waiting jobs, or bytes of them, new ones are answered 429.
MOST_WAITING = 1000
MOST_WAITING_BYTES = 1 << 30
# What has ended is forgotten earlier, the oldest first, above so many bytes of inputs and outputs.
MOST_KEPT_BYTES = 1 << 30


class State(StrEnum):
    """RunPod's states of a job. A worker that has taken a job is IN_PROGRESS; RUNNING is not used here."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


LIVE = (State.IN_QUEUE, State.IN_PROGRESS)


class QueueFull(Exception):
    """Too many jobs wait."""


@dataclass(slots=True)
class Request:
    """What a caller sent: the job's input and, in seconds, the times of its policy; None takes the endpoint's.

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
    """One job; times are the clock's, in seconds."""

    id: str
    request: Request
    queued_at: float
    state: State = State.IN_QUEUE
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
        """Whether nothing more will come."""
        return self.state not in LIVE

    @property
    def size(self) -> int:
        """What is kept of it, in bytes as they were sent."""
        return self.request.size + self.output_size

    def to_json(self) -> JsonObject:
        """The answer of /status."""
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
    """All jobs of one endpoint."""

    clock: Callable[[], float]
    execution_seconds: float
    on_end: Callable[[Job], None] = lambda _job: None
    retried: int = 0
    counts: dict[State, int] = field(default_factory=dict)
    # Set whenever a job waits or is to be stopped.
    work: asyncio.Event = field(default_factory=asyncio.Event)
    _jobs: dict[str, Job] = field(default_factory=dict)
    _waiting: deque[Job] = field(default_factory=deque)
    _stop: list[str] = field(default_factory=list)

    def add(self, request: Request) -> Job:
        """Queues a job.

        Raises:
            QueueFull: too many wait.
        """
        self.sweep()
        if self._is_full(request):
            raise QueueFull
        job = Job(f"{'sync-' if request.sync else ''}{uuid.uuid4()}-u1", request, self.clock())
        self._jobs[job.id] = job
        self._enqueue(job)
        return job

    def get(self, job_id: str) -> Job | None:
        """A job that RunPod would still know."""
        self.sweep()
        return self._jobs.get(job_id)

    def take(self) -> Job | None:
        """The next job, for the worker; it is IN_PROGRESS from now."""
        self.sweep()
        if not self._waiting:
            return None
        job = self._waiting.popleft()
        job.state, job.taken_at = State.IN_PROGRESS, self.clock()
        job.changed.set()
        return job

    def progress(self, job_id: str, output: Json) -> None:
        """A worker's progress update; one that comes after the result is dropped, as it would undo it."""
        job = self._jobs.get(job_id)
        if job is not None and job.state is State.IN_PROGRESS:
            job.output, job.has_output = output, True

    def part(self, job_id: str, output: Json) -> None:
        """A part of a stream."""
        job = self._jobs.get(job_id)
        if job is not None and job.state is State.IN_PROGRESS:
            job.stream.append(output)
            job.changed.set()

    def done(self, job_id: str, result: JsonObject, size: int = 0) -> None:
        """A worker's result of `size` bytes; that of a job which was stopped meanwhile is dropped."""
        job = self._jobs.get(job_id)
        if job is None or job.state is not State.IN_PROGRESS:
            return
        error = result.get("error")
        job.output, job.has_output, job.output_size = result.get("output"), "output" in result, size
        if error is not None:
            job.error = error if isinstance(error, str) else str(error)
        self._end(job, State.COMPLETED if error is None else State.FAILED)

    def cancel(self, job: Job) -> None:
        """Takes a job out of the queue, or has the worker stop it; one that has ended stays as it is."""
        if not job.ended:
            self._stopped(job, State.CANCELLED)

    def retry(self, job: Job) -> bool:
        """Queues a job that FAILED or TIMED_OUT again, under its id."""
        if job.state not in (State.FAILED, State.TIMED_OUT):
            return False
        if self._is_full(job.request):
            raise QueueFull
        self.retried += 1
        self.counts[job.state] -= 1
        job.state, job.queued_at = State.IN_QUEUE, self.clock()
        job.taken_at = job.ended_at = job.error = job.output = None
        job.has_output, job.output_size = False, 0
        job.stream.clear()
        self._enqueue(job)
        return True

    def purge(self) -> int:
        """Drops all that wait; how many."""
        dropped = list(self._waiting)
        for job in dropped:
            self.cancel(job)
        return len(dropped)

    def to_stop(self) -> list[str]:
        """The ids that the worker is to stop, once each."""
        self.sweep()
        ids, self._stop = self._stop, []
        return ids

    def lost(self, reason: str) -> None:
        """The worker is gone: what it had taken has failed."""
        for job in list(self._jobs.values()):
            if job.state is State.IN_PROGRESS:
                job.error, job.has_output = reason, False
                self._end(job, State.FAILED)
        self._stop.clear()

    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def running(self) -> int:
        """How many a worker has taken."""
        return sum(job.state is State.IN_PROGRESS for job in self._jobs.values())

    def sweep(self) -> None:
        """Ends jobs whose time is up, and forgets what RunPod would have forgotten."""
        now = self.clock()
        for job in list(self._jobs.values()):
            request = job.request
            if job.ended_at is not None:
                kept = RUNSYNC_KEPT_SECONDS if request.sync else RUN_KEPT_SECONDS
                if now - job.ended_at > kept:
                    del self._jobs[job.id]
            elif now - job.queued_at > (TTL_SECONDS if request.ttl_seconds is None else request.ttl_seconds):
                self._stopped(job, State.TIMED_OUT)
                del self._jobs[job.id]
            elif job.taken_at is not None and now - job.taken_at > (
                request.execution_seconds or self.execution_seconds
            ):
                job.error = "executionTimeout exceeded"
                self._stopped(job, State.TIMED_OUT)

    def _is_full(self, request: Request) -> bool:
        waiting = sum(job.request.size for job in self._waiting)
        return len(self._waiting) >= MOST_WAITING or waiting + request.size > MOST_WAITING_BYTES

    def _forget_oldest(self) -> None:
        ended = sorted(
            (job for job in self._jobs.values() if job.ended_at is not None), key=lambda job: job.ended_at or 0
        )
        size = sum(job.size for job in ended)
        # The last one is what its caller waits for.
        for job in ended[:-1]:
            if size <= MOST_KEPT_BYTES:
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

    def _stopped(self, job: Job, state: State) -> None:
        if job.state is State.IN_PROGRESS:
            self._stop.append(job.id)
        else:
            self._waiting.remove(job)
        job.output, job.has_output = None, False
        self._end(job, state)
        self.work.set()

    def _end(self, job: Job, state: State) -> None:
        job.state, job.ended_at = state, self.clock()
        if state not in (State.FAILED, State.TIMED_OUT):
            # Nobody can retry it.
            job.request.input, job.request.size = None, 0
        self.counts[state] = self.counts.get(state, 0) + 1
        job.changed.set()
        self.on_end(job)
        self._forget_oldest()


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
