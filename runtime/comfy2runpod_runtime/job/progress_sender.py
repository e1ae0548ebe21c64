"""Posts progress updates to RunPod, none of them after the result."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping

from comfy2runpod_contract.json_types import JsonObject

_DRAIN_SECONDS = 5.0
# No updates at first: each costs a thread and an HTTP session of the SDK, and the result of a short job would wait
# for them.
_QUIET_SECONDS = 0.1


class ProgressSender:
    """Posts the updates of one job to RunPod if the worker runs under RunPod's queue; otherwise drops them.

    Args:
        job: the raw job, which the SDK needs for its id.
        muted: never posts, for a job that RunPod does not know.
        listener: is called with each update, in every environment.
    """

    def __init__(
        self, job: Mapping[str, object], *, muted: bool = False, listener: Callable[[JsonObject], None] | None = None
    ) -> None:
        self._job = dict(job)
        self._listener = listener
        self._posts = "RUNPOD_WEBHOOK_GET_JOB" in os.environ and not muted
        self._quiet_until = time.monotonic() + _QUIET_SECONDS
        self._threads: list[threading.Thread] = []

    def send(self, update: JsonObject) -> None:
        """Posts an update on a thread of the SDK, without waiting for it."""
        if self._listener is not None:
            self._listener(update)
        if not self._posts or time.monotonic() < self._quiet_until:
            return
        import runpod  # noqa: PLC0415 - a heavy import, and only a worker needs it

        # The SDK starts a thread for each update and keeps no reference to it.
        before = set(threading.enumerate())
        runpod.serverless.progress_update(self._job, update)
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads += [thread for thread in threading.enumerate() if thread not in before and thread.daemon]

    async def drain(self) -> None:
        """Waits until all updates are posted: one that arrives after the result overwrites it (runpod-python#250)."""
        deadline = asyncio.get_running_loop().time() + _DRAIN_SECONDS
        for thread in self._threads:
            remaining = deadline - asyncio.get_running_loop().time()
            if thread.is_alive():
                await asyncio.to_thread(thread.join, max(0.0, remaining))
