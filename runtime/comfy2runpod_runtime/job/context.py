"""What the steps of one job share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.comfyui.supervisor import ComfyUISupervisor
from comfy2runpod_runtime.errors import JobTimeout
from comfy2runpod_runtime.job_states import JobLifecycle
from comfy2runpod_runtime.settings import Settings

ProgressCallback: TypeAlias = Callable[[JsonObject], None]


@dataclass(frozen=True, slots=True)
class JobContext:
    """Passed to each step of one job.

    Attributes:
        lifecycle: the job's ids, state and timings.
        settings: the worker's settings.
        comfyui: the ComfyUI that runs the job.
        report_progress: receives an update with the contract's PROGRESS_KEYS while the job runs.
        deadline: when the job must have ended, in seconds of the event loop's clock.
    """

    lifecycle: JobLifecycle
    settings: Settings
    comfyui: ComfyUISupervisor
    report_progress: ProgressCallback
    deadline: float

    @asynccontextmanager
    async def time_limit(self) -> AsyncIterator[None]:
        """Cancels the enclosed block at the job's deadline.

        Raises:
            JobTimeout: the deadline has passed; the message says what the job was doing.
        """
        try:
            async with asyncio.timeout_at(self.deadline):
                yield
        except TimeoutError:
            raise self.timeout_error() from None

    def timeout_error(self) -> JobTimeout:
        """Returns the error of a job that missed its deadline."""
        limit = self.settings.job_timeout_seconds
        return JobTimeout(f"The job took longer than {limit:g} s and was stopped while {self.lifecycle.activity}.")
