"""What stands before the local server's requests: so many connections, and each may say nothing only for so long.

aiohttp bounds a request's head in bytes, not in time: who sends a byte a minute would keep a connection for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

# How long a request's head may take, and a connection may rest; and how many there may be at once.
HEAD_SECONDS = 30.0
MOST_CONNECTIONS = 256

# What the other side causes: a connection that breaks, a body that is not packed or parted as it says.
OUTSIDE = (web.RequestPayloadError, aiohttp.ClientError, HttpProcessingError, ConnectionError)


def http_log() -> logging.Logger:
    """The log of the HTTP side: what callers do wrong is answered, and is no news."""
    log = logging.getLogger("comfy2runpod.serve.http")
    if not log.filters:
        log.addFilter(_is_ours)
    return log


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, OUTSIDE)


class Fronts:
    """The connections of one server."""

    def __init__(self) -> None:
        self._open: dict[int, _Front] = {}

    def before(self, runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
        """What makes the protocol of each new connection to a runner that is set up."""
        return lambda: _Front(cast(web.Server, runner.server)(), self._open)

    def begun(self, request: web.Request) -> None:
        """A request's head is whole: from now on its own limits hold."""
        front = self._open.get(id(request.protocol))
        if front is not None:
            front.rest(None)

    def ended(self, request: web.Request) -> None:
        """A request is answered."""
        front = self._open.get(id(request.protocol))
        if front is not None:
            front.rest(HEAD_SECONDS)


class _Front(asyncio.Protocol):
    """One connection: all that it hears goes to aiohttp's protocol."""

    def __init__(self, inner: web.RequestHandler, others: dict[int, _Front]) -> None:
        self._inner = inner
        self._others = others
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def rest(self, seconds: float | None) -> None:
        """From now on it may say nothing for so long; None: as long as it takes."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if seconds is not None and self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._late)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._others[id(self._inner)] = self
        self._inner.connection_made(transport)
        self.rest(HEAD_SECONDS)
        if len(self._others) > MOST_CONNECTIONS:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        self._inner.eof_received()
        return None

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self.rest(None)
        self._transport = None
        self._others.pop(id(self._inner), None)
        self._inner.connection_lost(error)

    def _late(self) -> None:
        if self._transport is None:
            return
        # An answer that is still being read, however slowly, is no rest.
        unsent, self._unsent = self._unsent, self._transport.get_write_buffer_size()
        if self._unsent and self._unsent != unsent:
            self.rest(HEAD_SECONDS)
        else:
            self._transport.abort()
