"""Makes jobs idempotent: RunPod's queue may deliver a job more than once, and it must run once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from comfy2runpod_contract.json_types import JsonObject

RawJob: TypeAlias = Mapping[str, object]

# An answer may hold ten megabytes of text.
_MAX_ANSWERS = 2


class RedeliveryCache:
    """The answers of the last successful jobs and of the running ones, by job id.

    Failures are not cached: RunPod's /retry queues a failed job under the same id, and it must run again.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[object, asyncio.Future[JsonObject]]] = OrderedDict()

    async def run_once(self, job: RawJob, run: Callable[[RawJob], Awaitable[JsonObject]]) -> JsonObject:
        """Runs a job, unless one with the same id and input runs or has succeeded: then returns that one's answer.

        Args:
            job: the job.
            run: runs it.
        """
        job_id, job_input = str(job.get("id", "")), job.get("input")
        while (known := self._answers.get(job_id)) is not None and known[0] == job_input:
            # Waits for a future, not for the first delivery's task: if this delivery is cancelled, the first goes on,
            # and if the first is cancelled, this one runs the job.
            await asyncio.wait([known[1]])
            if not known[1].cancelled():
                # A copy, since the SDK removes keys from it.
                return dict(known[1].result())
        future: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._answers[job_id] = (job_input, future)
        try:
            answer = await run(job)
        except BaseException:
            self._discard(job_id, future)
            raise
        future.set_result(dict(answer))
        if "error" in answer:
            self._discard(job_id, future)
        while len(self._answers) > _MAX_ANSWERS and next(iter(self._answers.values()))[1].done():
            self._answers.popitem(last=False)
        return answer

    def _discard(self, job_id: str, future: asyncio.Future[JsonObject]) -> None:
        future.cancel()
        if (known := self._answers.get(job_id)) is not None and known[1] is future:
            del self._answers[job_id]
