"""The RunPod SDK's loop: when it is idle, and how it ends on SIGTERM.

On SIGTERM, the SDK takes no further job, and its loop ends when its long polls do: for jobs, which it loses if one
arrives, and for jobs to stop. Each is open for up to 90 seconds. So the poll for jobs is ended first (`job_poll.py`),
then the SDK is told, and the rest is cut off as soon as no job is left.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.operations.job_poll import JobPoll
from comfy2runpod_runtime.operations.logs import log_fields

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
# The SDK posts a result up to three times. A job that it holds for longer, and that is not ours, is one that it lost.
_POSTING_SECONDS = 60.0


class SdkLoop:
    """Watches the SDK's loop.

    Args:
        active_jobs: returns the running jobs.
        on_idle: called before each poll for jobs, and when the loop is to end, if no job is left.
        on_arriving: called when RunPod's answer has a job, before it has been read.

    Attributes:
        cut_off: whether the loop was ended here, so that the SDK's `start` raises asyncio.CancelledError.
    """

    def __init__(
        self,
        active_jobs: Callable[[], list[JsonObject]],
        on_idle: Callable[[], None],
        on_arriving: Callable[[], None],
    ) -> None:
        self._active_jobs = active_jobs
        self._on_idle = on_idle
        self._poll = JobPoll(on_arriving)
        self._tell_sdk: Callable[[], object] | None = None
        self._end: asyncio.Task[None] | None = None
        self.cut_off = False

    def install(self) -> None:
        """Takes over the SDK's poll for jobs. Before the SDK is started."""
        self._poll.install()

    def before_poll(self, concurrency: int) -> int:
        """The SDK's `concurrency_modifier`: it is called in the SDK's loop before each poll for jobs.

        Args:
            concurrency: how many jobs the SDK takes at once.

        Returns:
            The same number.
        """
        self._poll.came_back()
        self._hear_sigterm()
        if not _jobs_of_sdk():
            self._on_idle()
        return concurrency

    def _hear_sigterm(self) -> None:
        """Takes the place of the handler of SIGTERM that the SDK has set when its loop started, once."""
        if self._tell_sdk is not None or threading.current_thread() is not threading.main_thread():
            return
        previous = signal.getsignal(signal.SIGTERM)
        # Told at once, the SDK would no longer run a job that its poll still gets.
        self._tell_sdk = lambda: previous(signal.SIGTERM, None) if callable(previous) else None
        loop = asyncio.get_running_loop()

        def handle(_number: int, _frame: FrameType | None) -> None:
            # Later, from the loop: the signal may have interrupted a log call, and logging is not reentrant.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._begin_end)

        signal.signal(signal.SIGTERM, handle)

    def _begin_end(self) -> None:
        jobs: list[Json] = [*self._active_jobs()]
        states = ", ".join(f"{job['job']}: {job['state']}" for job in self._active_jobs()) or "no job is running"
        log.warning("received SIGTERM; %s", states, extra=log_fields(jobs=jobs))
        if self._end is None:
            self._end = asyncio.create_task(self._end_loop())

    async def _end_loop(self) -> None:
        await self._poll.settle()
        if self._tell_sdk is not None:
            self._tell_sdk()
        last_seen = time.monotonic()
        while _jobs_of_sdk() and time.monotonic() - last_seen < _POSTING_SECONDS:
            if self._active_jobs():
                last_seen = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)
        await self._poll.close()
        self._on_idle()
        self.cut_off = True
        for task in asyncio.all_tasks() - {self._end}:
            task.cancel()


def _jobs_of_sdk() -> int:
    """How many jobs the SDK holds: from when it got one until its result is posted."""
    from runpod.serverless.modules.worker_state import JobsProgress  # noqa: PLC0415 - a heavy import, done by then

    count: int = JobsProgress().get_job_count()
    return count
