"""The states of a job, and how long each step took.

    received ─▶ validated ─▶ fetched ─▶ ready ─▶ queued ─▶ running ─▶ ran ─▶ collected ─▶ measured ─▶ delivered

A retry goes back to `fetched`. If outputs are queued again after a node failed, the job goes back to `ready`. Every
state but the last may also change to failed or cancelled. Any other transition is a bug, and raises an internal error.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.wording import shorten
from comfy2runpod_runtime.errors import InternalError
from comfy2runpod_runtime.prompt import Prompt


class JobState(StrEnum):
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
class _Step:
    """What is done in a state: the name of its timing, its description, and the states that may follow."""

    timing: str
    activity: str
    next: frozenset[JobState]


def _step(timing: str, activity: str, *following: JobState) -> _Step:
    return _Step(timing, activity, frozenset({*following, JobState.FAILED, JobState.CANCELLED}))


_END = _Step("end", "over", frozenset())
_STEPS: Mapping[JobState, _Step] = {
    JobState.RECEIVED: _step("validate", "its input was checked", JobState.VALIDATED),
    JobState.VALIDATED: _step("fetch", "its input files were fetched", JobState.FETCHED),
    JobState.FETCHED: _step("wait", "it waited for ComfyUI", JobState.READY),
    # To COLLECTED if ComfyUI refuses the outputs that were requeued after a failed node.
    JobState.READY: _step("queue", "it was sent to ComfyUI", JobState.QUEUED, JobState.FETCHED, JobState.COLLECTED),
    JobState.QUEUED: _step("in_queue", "it waited in ComfyUI's queue", JobState.RUNNING, JobState.FETCHED),
    JobState.RUNNING: _step("run", "ComfyUI ran it", JobState.RAN, JobState.FETCHED),
    # To READY if a node failed and the caller allows partial results.
    JobState.RAN: _step("collect", "its files were downloaded", JobState.COLLECTED, JobState.READY, JobState.FETCHED),
    JobState.COLLECTED: _step("measure", "its files were measured", JobState.MEASURED),
    JobState.MEASURED: _step("deliver", "its files were delivered", JobState.DELIVERED),
    JobState.DELIVERED: _END,
    JobState.FAILED: _END,
    JobState.CANCELLED: _END,
}


class JobLifecycle:
    """The state machine of one job. It uses the monotonic clock, so changes of the wall clock have no effect.

    Args:
        job_id: RunPod's id of the job.
        prompt_id: the id under which ComfyUI queues it.

    Attributes:
        states: all states so far, in order.
        sizes: bytes of the results, by output.
        simulator_version: set if the simulator runs the job, not a real ComfyUI.
        on_change: called with each new state.
        prompt: the prompt as it is queued, for failure reports.
    """

    def __init__(self, job_id: str, prompt_id: str) -> None:
        self.job_id = shorten(job_id)
        self.prompt_id = prompt_id
        self.state = JobState.RECEIVED
        self.states: list[JobState] = [JobState.RECEIVED]
        self.sizes: dict[str, int] = {}
        self.simulator_version: str | None = None
        self.on_change: Callable[[JobState], None] | None = None
        self.prompt: Prompt | None = None
        self._started = self._state_since = time.monotonic()
        self._durations: dict[str, float] = {}

    def transition_to(self, state: JobState) -> None:
        """Changes the state.

        Raises:
            InternalError: the current state does not allow it.
        """
        if state not in _STEPS[self.state].next:
            raise InternalError(f"A job that is {self.state} cannot become {state}.")
        now = time.monotonic()
        timing = _STEPS[self.state].timing
        self._durations[timing] = self._durations.get(timing, 0.0) + now - self._state_since
        self.state, self._state_since = state, now
        self.states.append(state)
        if self.on_change is not None:
            self.on_change(state)

    def mark_running(self) -> None:
        """Changes a queued job to running. Idempotent: an event, the queue or the history may show it first."""
        if self.state is JobState.QUEUED:
            self.transition_to(JobState.RUNNING)

    def restart(self) -> None:
        """Goes back to FETCHED for a retry: the input files are loaded already."""
        if self.state is not JobState.FETCHED:
            self.transition_to(JobState.FETCHED)

    @property
    def ended(self) -> bool:
        """Whether the job was delivered, failed or was cancelled."""
        return _STEPS[self.state] is _END

    @property
    def activity(self) -> str:
        """What is done in the current state, for messages."""
        return _STEPS[self.state].activity

    @property
    def seconds(self) -> float:
        """Seconds since the job was received."""
        return time.monotonic() - self._started

    @property
    def timings(self) -> dict[str, float]:
        """Seconds that each step took, including the current one until now."""
        durations = dict(self._durations)
        if not self.ended:
            timing = _STEPS[self.state].timing
            durations[timing] = durations.get(timing, 0.0) + time.monotonic() - self._state_since
        return {name: round(seconds, 4) for name, seconds in durations.items()}

    def to_json(self) -> JsonObject:
        """Returns the ids and the current state, for logs and reports."""
        return {
            "job": self.job_id,
            "prompt_id": self.prompt_id,
            "state": self.state.value,
            "seconds_in_state": round(time.monotonic() - self._state_since, 3),
            "seconds": round(self.seconds, 3),
        }

    def summary(self) -> JsonObject:
        """Returns the timings and sizes, for the last log line of a job."""
        timings: dict[str, Json] = {**self.timings}
        line: JsonObject = {"timings": timings}
        if self.sizes:
            line["bytes"] = {**self.sizes}
        if self.simulator_version is not None:
            line["SIMULATED"] = (
                f"placeholder media by the comfy2runpod simulator {self.simulator_version}; no model was run"
            )
        return line
