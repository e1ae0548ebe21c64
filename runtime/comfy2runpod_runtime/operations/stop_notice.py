"""What the log says when the worker is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.operations.logs import fields

log = logging.getLogger(__name__)


class StopNotice:
    """Listens beside whoever handles SIGTERM, and has the log say which jobs are in work, and where they stand."""

    def __init__(self, doing: Callable[[], list[JsonObject]]) -> None:
        self._doing = doing
        self._listening = False

    def listen(self) -> None:
        """Begins, if it has not. The SDK sets its handler when its loop starts, so this is for a job to call."""
        if self._listening or threading.current_thread() is not threading.main_thread():
            return
        handles = signal.getsignal(signal.SIGTERM)
        if not callable(handles):
            return
        self._listening = True
        loop = asyncio.get_running_loop()

        def told(number: int, frame: FrameType | None) -> None:
            # Not from here: a signal comes in the middle of anything, of a line for the log too.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._say)
            handles(number, frame)

        signal.signal(signal.SIGTERM, told)

    def _say(self) -> None:
        jobs: list[Json] = [*self._doing()]
        states = ", ".join(f"{job['job']}: {job['state']}" for job in self._doing()) or "no job is in work"
        log.warning("told to stop; %s", states, extra=fields(jobs=jobs))
