"""Calls the endpoint of a batch: with the client's rules, a shared rate limit, and limited memory."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import replace
from typing import TypeVar

from comfy2runpod.batch.pace import Pace
from comfy2runpod.client import flow
from comfy2runpod.client.async_client import AsyncClient
from comfy2runpod.client.errors import EndpointNotFound, Unreachable
from comfy2runpod.client.flow import Options, Reply, Send, Wait

_T = TypeVar("_T")

# Answers that are decoded at the same time. Each may have ten megabytes, and take three times that while decoding.
_ANSWERS = 8


class Caller(AsyncClient[Mapping[str, object], Mapping[str, object], Mapping[str, object]]):
    """The client of one batch."""

    def __init__(self, endpoint: str, api_key: str, options: Options) -> None:
        super().__init__(endpoint, api_key, options)
        self.pace = Pace()
        # When the endpoint last answered properly (time.monotonic); None before the first answer.
        self.answered_at: float | None = None
        # The HTTP status of the last answer to /run.
        self.run_status = 0
        self._room = asyncio.Semaphore(_ANSWERS)

    async def queue(self, request: Mapping[str, object]) -> str:
        """Queues a job, without retries, which the batch decides on. Returns the job's id."""
        job_id = await self._execute(flow.submit(request, replace(self.options, retries=0)))
        self.pace.accepted()
        return job_id

    @property
    def address(self) -> str:
        """The endpoint's URL."""
        return self._http.url

    async def kept(self, job_id: str, keep: Callable[[Mapping[str, object]], Awaitable[_T]]) -> _T:
        """Polls a job until it ends. Passes its output to `keep`, with limited concurrency, and returns the result."""
        steps: Generator[Send | Wait, Reply, dict[str, object]]
        steps = flow.result(job_id, self.options, (), None, math.inf)
        reply: Reply | None = None
        inside = False
        try:
            while True:
                try:
                    step = next(steps) if reply is None else steps.send(reply)
                except StopIteration as end:
                    output: dict[str, object] = end.value
                    return await keep(output)
                if isinstance(step, Wait):
                    if inside:
                        self._room.release()
                        inside = False
                    reply = Reply()
                    await asyncio.sleep(step.seconds)
                else:
                    await self.pace.ready()
                    if not inside:
                        await self._room.acquire()
                        inside = True
                    reply = await self._send(step)
        finally:
            if inside:
                self._room.release()

    async def check_known(self) -> None:
        """Checks whether the endpoint exists: a deleted one does not know its jobs either.

        Raises:
            EndpointNotFound: it is gone.
            Unreachable: it does not say.
        """
        reply = await self._send(Send("GET", "/health", seconds=self.options.request_seconds))
        if reply.status == 404:  # noqa: PLR2004 - HTTP's own
            raise EndpointNotFound("GET /health: HTTP 404: there is no such endpoint")
        if reply.status != 200:  # noqa: PLR2004 - HTTP's own
            raise Unreachable(f"GET /health: {reply.reason or f'HTTP {reply.status}'}")

    async def _send(self, step: Send) -> Reply:
        reply = await super()._send(step)
        if step.path == "/run":
            self.run_status = reply.status
        if reply.status == 429:  # noqa: PLR2004 - HTTP's own
            self.pace.slow(flow.retry_after_seconds(reply.retry_after))
        elif step.path == "/run" and (reply.status >= 500 or reply.broken is not None):  # noqa: PLR2004 - HTTP's own
            # The client retries a failed poll; a submission must not be retried.
            self.pace.slow()
        elif 200 <= reply.status < 300 and reply.body.lstrip()[:1] == b"{":  # noqa: PLR2004 - HTTP's own
            # An error page is not a proper answer.
            self.answered_at = time.monotonic()
        return reply
