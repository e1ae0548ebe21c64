"""Logs the running jobs when the worker receives SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.operations.logs import log_fields

log = logging.getLogger(__name__)


class ShutdownLogger:
    """Wraps the existing SIGTERM handler with one that also logs the running jobs and their states.

    Args:
        active_jobs: returns the running jobs.
    """

    def __init__(self, active_jobs: Callable[[], list[JsonObject]]) -> None:
        self._active_jobs = active_jobs
        self._installed = False

    def install(self) -> None:
        """Installs the handler once. A job calls it, since the SDK sets its own handler when its loop starts."""
        if self._installed or threading.current_thread() is not threading.main_thread():
            return
        previous = signal.getsignal(signal.SIGTERM)
        if not callable(previous):
            return
        self._installed = True
        loop = asyncio.get_running_loop()

        def handle(number: int, frame: FrameType | None) -> None:
            # Logs later, from the loop: the signal may have interrupted a log call, and logging is not reentrant.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._log_jobs)
            previous(number, frame)

        signal.signal(signal.SIGTERM, handle)

    def _log_jobs(self) -> None:
        jobs: list[Json] = [*self._active_jobs()]
        states = ", ".join(f"{job['job']}: {job['state']}" for job in self._active_jobs()) or "no job is running"
        log.warning("received SIGTERM; %s", states, extra=log_fields(jobs=jobs))
