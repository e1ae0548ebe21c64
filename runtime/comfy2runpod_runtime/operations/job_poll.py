"""The SDK's poll for jobs, which can be ended without losing a job that RunPod has handed out.

A poll that is cut off loses a job whose answer is on its way. So its connection is closed for writing only: RunPod
sees the worker go and hands out nothing more, and what it had handed out by then still arrives.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import aiohttp

log = logging.getLogger(__name__)

# How long RunPod may take to see that the worker goes. Process 1 kills a worker without a job after 8 s.
_SETTLE_SECONDS = 3.0
# How long a job may take to arrive after its first byte.
_ARRIVE_SECONDS = 60.0
_LOOK_SECONDS = 0.05

_Jobs = list[dict[str, Any]] | None
_Fetch = Callable[[aiohttp.ClientSession, int], Awaitable[_Jobs]]


class JobPoll:
    """Takes the place of the SDK's function that polls for jobs, and calls it.

    Args:
        on_arriving: called when a poll is answered with a job, before the job has been read.
    """

    def __init__(self, on_arriving: Callable[[], None]) -> None:
        self._on_arriving = on_arriving
        self._fetch: _Fetch
        self._session: aiohttp.ClientSession | None = None
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._poll: asyncio.Future[_Jobs] | None = None
        # Whether the SDK has counted the jobs that it got; not from when it asks until then.
        self._counted = asyncio.Event()
        self._counted.set()
        self._arriving = False
        # No connection is made: it would be a poll of its own, and HTTP clients repeat a GET whose connection ended.
        self._closed = False
        self._ended = False

    def install(self) -> None:
        """Has the SDK call `take`. Before its loop is made."""
        from runpod.serverless.modules import rp_scale  # noqa: PLC0415 - a heavy import, done by then

        self._fetch = rp_scale.get_job
        rp_scale.get_job = self.take

    def came_back(self) -> None:
        """The SDK has counted the jobs of its last poll, if there were any."""
        self._counted.set()

    async def take(self, session: aiohttp.ClientSession, num_jobs: int = 1) -> _Jobs:
        """Polls once, as the SDK does.

        Args:
            session: the SDK's. The poll has another one, whose sockets are known.
            num_jobs: how many jobs the SDK can take.

        Raises:
            Exception: what the SDK's own function raises.
        """
        if self._ended:
            # Nothing more is taken, and the SDK would ask again at once. The loop's end cancels this.
            await asyncio.get_running_loop().create_future()
        self._counted.clear()
        self._arriving = self._closed = False
        self._poll = asyncio.ensure_future(self._fetch(self._own_session(session), num_jobs))
        try:
            await asyncio.wait({self._poll})
        except asyncio.CancelledError:
            # The SDK's limit of 90 s has passed, or the loop ends otherwise.
            await self._end_poll(self._poll)
            if self._poll.cancelled() or self._poll.exception() is not None or not self._poll.result():
                raise
        if self._poll.cancelled() or self._poll.exception() is not None or not self._poll.result():
            self._counted.set()
        if self._poll.cancelled():
            return None
        if self._ended and (error := self._poll.exception()) is not None:
            # As a rule: RunPod has ended the connection, too.
            log.info("the last poll for jobs ended: %s", type(error).__name__)
            return None
        return self._poll.result()

    async def settle(self) -> None:
        """Ends the poll that is open, and lets no further one begin.

        When it returns, the SDK either has counted the job that it got, or gets none.
        """
        self._ended = True
        if self._poll is not None and not self._counted.is_set():
            await self._end_poll(self._poll)
            # A loop that has been ended otherwise does not come back.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._counted.wait(), _SETTLE_SECONDS)

    async def close(self) -> None:
        """Closes the connection."""
        if self._session is not None:
            await self._session.close()

    async def _end_poll(self, poll: asyncio.Future[_Jobs]) -> None:
        began = time.monotonic()
        while not poll.done():
            waited = time.monotonic() - began
            if waited >= (_ARRIVE_SECONDS if self._arriving else _SETTLE_SECONDS) and poll.cancel():
                log.warning("RunPod did not end the poll for jobs within %.0f s: it is cut off", waited)
            self._close_for_writing()
            await asyncio.wait({poll}, timeout=_LOOK_SECONDS)

    def _close_for_writing(self) -> None:
        self._closed = True
        for one in self._sockets:
            # It is not connected yet, or not any more. Under TLS, too, what arrives is still read.
            with suppress(OSError):
                one.shutdown(socket.SHUT_WR)

    def _own_session(self, session: aiohttp.ClientSession) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_end.append(self._see_answer)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, socket_factory=self._make_socket),
                headers=session.headers,
                timeout=session.timeout,
                trust_env=session.trust_env,
                trace_configs=[trace],
            )
        return self._session

    def _make_socket(self, address: tuple[Any, ...]) -> socket.socket:
        if self._closed:
            raise OSError("the worker ends")
        family, kind, protocol = address[:3]
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made

    async def _see_answer(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, answered: aiohttp.TraceRequestEndParams
    ) -> None:
        if answered.response.status == HTTPStatus.OK and answered.response.content_length != 0:
            self._arriving = True
            self._on_arriving()
