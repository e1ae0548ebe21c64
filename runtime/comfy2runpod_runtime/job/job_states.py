"""A job's life: where it stands, since when, and how long each part took.

    received ─▶ validated ─▶ fetched ─▶ ready ─▶ queued ─▶ running ─▶ ran ─▶ collected ─▶ measured ─▶ delivered

A second run begins at `fetched` again, what a failed branch leaves over at `ready`.
From each but the last it may also become failed or cancelled. The endpoint owns every life, and whoever does a part of
the job says what has been reached; an order that the image does not show is a bug, and an internal error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.wording import shorten
from comfy2runpod_runtime.errors import InternalError, JobTimeout
from comfy2runpod_runtime.job.prompt import Prompt


class State(StrEnum):
    """What a job has reached."""

    RECEIVED = "received"
    VALIDATED = "validated"
    FETCHED = "fetched"
    READY = "ready"
    QUEUED = "queued"
    RUNNING = "running"
    RAN = "ran"
    COLLECTED = "collected"
    MEASURED = "measured"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class _Part:
    """What is done in a state: the name of its duration, in words, and the states that may follow."""

    name: str
    words: str
    next: frozenset[State]


def _part(name: str, words: str, *following: State) -> _Part:
    return _Part(name, words, frozenset({*following, State.FAILED, State.CANCELLED}))


_END = _Part("end", "over", frozenset())
_PARTS: Mapping[State, _Part] = {
    State.RECEIVED: _part("validate", "its input was checked", State.VALIDATED),
    State.VALIDATED: _part("fetch", "its input files were fetched", State.FETCHED),
    State.FETCHED: _part("wait", "it waited for ComfyUI", State.READY),
    # Collected: ComfyUI refused what a failed branch had left over.
    State.READY: _part("queue", "it was handed to ComfyUI", State.QUEUED, State.FETCHED, State.COLLECTED),
    State.QUEUED: _part("in_queue", "it waited in ComfyUI's queue", State.RUNNING, State.FETCHED),
    State.RUNNING: _part("run", "ComfyUI ran it", State.RAN, State.FETCHED),
    # Without the branch that failed, where the caller takes what there is.
    State.RAN: _part("collect", "its files were collected", State.COLLECTED, State.READY, State.FETCHED),
    State.COLLECTED: _part("measure", "its files were measured", State.MEASURED),
    State.MEASURED: _part("deliver", "its files were delivered", State.DELIVERED),
    State.DELIVERED: _END,
    State.FAILED: _END,
    State.CANCELLED: _END,
}


class Life:
    """One job's. Times are of the monotonic clock: a wall clock that jumps does not matter."""

    def __init__(self, job_id: str, prompt_id: str) -> None:
        self.job_id = shorten(job_id)
        self.prompt_id = prompt_id
        self.state = State.RECEIVED
        self.passed: list[State] = [State.RECEIVED]
        self.sizes: dict[str, int] = {}
        # The simulator's version, if no real ComfyUI answers.
        self.simulated: str | None = None
        # Told of each state that is reached.
        self.watch: Callable[[State], None] | None = None
        # As it is queued, for a report.
        self.prompt: Prompt | None = None
        self._began = self._since = time.monotonic()
        self._spent: dict[str, float] = {}

    def reach(self, state: State) -> None:
        """Notes that the job has reached a state.

        Raises:
            InternalError: it cannot from where it stands.
        """
        if state not in _PARTS[self.state].next:
            raise InternalError(f"A job that is {self.state} cannot become {state}.")
        now = time.monotonic()
        part = _PARTS[self.state].name
        self._spent[part] = self._spent.get(part, 0.0) + now - self._since
        self.state, self._since = state, now
        self.passed.append(state)
        if self.watch is not None:
            self.watch(state)

    def runs(self) -> None:
        """ComfyUI is known to run it: told by the first that learns it, and by others after."""
        if self.state is State.QUEUED:
            self.reach(State.RUNNING)

    def again(self) -> None:
        """It is run once more; its inputs are there."""
        if self.state is not State.FETCHED:
            self.reach(State.FETCHED)

    @property
    def over(self) -> bool:
        """Whether it has ended, however."""
        return _PARTS[self.state] is _END

    @property
    def words(self) -> str:
        """What was done in this state."""
        return _PARTS[self.state].words

    @property
    def seconds(self) -> float:
        """How long ago it was received."""
        return time.monotonic() - self._began

    @property
    def timings(self) -> dict[str, float]:
        """Seconds that each part took until now, the one in work among them."""
        spent = dict(self._spent)
        if not self.over:
            part = _PARTS[self.state].name
            spent[part] = spent.get(part, 0.0) + time.monotonic() - self._since
        return {name: round(seconds, 4) for name, seconds in spent.items()}

    def to_json(self) -> JsonObject:
        """Where it stands."""
        return {
            "job": self.job_id,
            "prompt_id": self.prompt_id,
            "state": self.state.value,
            "seconds_in_state": round(time.monotonic() - self._since, 3),
            "seconds": round(self.seconds, 3),
        }

    def summary(self) -> JsonObject:
        """How it went, for the log's last line of a job."""
        timings: dict[str, Json] = {**self.timings}
        line: JsonObject = {"timings": timings}
        if self.sizes:
            line["bytes"] = {**self.sizes}
        if self.simulated is not None:
            line["SIMULATED"] = f"placeholder media by the comfy2runpod simulator {self.simulated}; no model was run"
        return line

    @asynccontextmanager
    async def until(self, deadline: float, limit_seconds: float) -> AsyncIterator[None]:
        """Bounds what is done here by the job's deadline, by the loop's clock.

        Raises:
            JobTimeout: it has passed; the message says what was being done.
        """
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError:
            raise self.too_late(limit_seconds) from None

    def too_late(self, limit_seconds: float) -> JobTimeout:
        """The error of a job that took too long."""
        return JobTimeout(f"The job took longer than {limit_seconds:g} s and was stopped while {self.words}.")
