"""Progress updates to RunPod, none of which may come after the result."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping

from comfy2runpod_contract.json_types import JsonObject

_DRAIN_SECONDS = 5.0
# An update costs a thread, a session and a request of the SDK's, and the result waits for it: a job that is over by
# then has none.
_QUIET_SECONDS = 0.1


class ProgressUpdates:
    """The updates of one job. Only the real worker loop has somewhere to post them to; elsewhere they are dropped.

    `muted`: they are dropped there too, since RunPod does not know the job. `watch` gets each, wherever it runs.
    """

    def __init__(
        self, job: Mapping[str, object], *, muted: bool = False, watch: Callable[[JsonObject], None] | None = None
    ) -> None:
        self._job = dict(job)
        self._watch = watch
        self._posts = "RUNPOD_WEBHOOK_GET_JOB" in os.environ and not muted
        self._quiet_until = time.monotonic() + _QUIET_SECONDS
        self._sending: list[threading.Thread] = []

    def send(self, update: JsonObject) -> None:
        """Posts an update, on a thread that the SDK starts for it."""
        if self._watch is not None:
            self._watch(update)
        if not self._posts or time.monotonic() < self._quiet_until:
            return
        import runpod  # noqa: PLC0415 - a heavy import, and only a worker needs it

        # The SDK starts a thread for each update and keeps no hold of it.
        before = set(threading.enumerate())
        runpod.serverless.progress_update(self._job, update)
        self._sending = [thread for thread in self._sending if thread.is_alive()]
        self._sending += [thread for thread in threading.enumerate() if thread not in before and thread.daemon]

    async def drain(self) -> None:
        """Waits until every update has been posted: one that overtakes the result would undo it (runpod-python#250)."""
        deadline = asyncio.get_running_loop().time() + _DRAIN_SECONDS
        for thread in self._sending:
            left = deadline - asyncio.get_running_loop().time()
            if thread.is_alive():
                await asyncio.to_thread(thread.join, max(0.0, left))
