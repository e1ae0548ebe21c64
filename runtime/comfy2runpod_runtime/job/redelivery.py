"""Jobs that RunPod's queue delivers more than once: run once, answered alike."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from comfy2runpod_contract.json_types import JsonObject

RawJob: TypeAlias = Mapping[str, object]

# Each may hold ten megabytes of text.
_KEPT = 2


class Delivered:
    """The answers of the last jobs that succeeded, and of those in work, by job id.

    A failure is not kept: RunPod's /retry queues a failed job again under its id, and means it.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[object, asyncio.Future[JsonObject]]] = OrderedDict()

    async def once(self, job: RawJob, run: Callable[[RawJob], Awaitable[JsonObject]]) -> JsonObject:
        """The answer of a job; run only if the same one was not run before."""
        job_id, job_input = str(job.get("id", "")), job.get("input")
        while (known := self._answers.get(job_id)) is not None and known[0] == job_input:
            # Not the first's task: a cancelled second does not stop it, and a cancelled first leaves the second to run.
            await asyncio.wait([known[1]])
            if not known[1].cancelled():
                # The SDK takes keys out of what it is given.
                return dict(known[1].result())
        answered: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._answers[job_id] = (job_input, answered)
        try:
            answer = await run(job)
        except BaseException:
            self._forget(job_id, answered)
            raise
        answered.set_result(dict(answer))
        if "error" in answer:
            self._forget(job_id, answered)
        while len(self._answers) > _KEPT and next(iter(self._answers.values()))[1].done():
            self._answers.popitem(last=False)
        return answer

    def _forget(self, job_id: str, answered: asyncio.Future[JsonObject]) -> None:
        answered.cancel()
        if (known := self._answers.get(job_id)) is not None and known[1] is answered:
            del self._answers[job_id]
