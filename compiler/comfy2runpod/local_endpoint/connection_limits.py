"""Limits the connections of the local server, and how long each may be idle.

aiohttp limits the size of a request's headers, but not the time: a client that sends a byte per minute would keep a
connection open forever (a slowloris attack).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

# How long the headers of a request may take, and a connection may be idle; and the number of open connections.
HEAD_SECONDS = 30.0
MAX_CONNECTIONS = 256

# Errors that a client causes: a broken connection, or a body with invalid compression or chunks.
CLIENT_ERRORS = (web.RequestPayloadError, aiohttp.ClientError, HttpProcessingError, ConnectionError)


def http_log() -> logging.Logger:
    """Returns the log of the HTTP server, without errors that clients cause."""
    log = logging.getLogger("comfy2runpod.serve.http")
    if not log.filters:
        log.addFilter(_is_ours)
    return log


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, CLIENT_ERRORS)


class ConnectionLimits:
    """The open connections of one server."""

    def __init__(self) -> None:
        self._open: dict[int, _LimitedConnection] = {}

    def protocol_factory(self, runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
        """Returns the protocol factory for the server of a runner.

        Raises:
            RuntimeError: the runner has not been set up.
        """
        server = runner.server
        if server is None:
            raise RuntimeError("the runner has not been set up")
        return lambda: _LimitedConnection(server(), self._open)

    def request_started(self, request: web.Request) -> None:
        """Ends the idle limit: the headers of a request are complete."""
        connection = self._open.get(id(request.protocol))
        if connection is not None:
            connection.limit_idle(None)

    def request_ended(self, request: web.Request) -> None:
        """Starts the idle limit again: a request is answered."""
        connection = self._open.get(id(request.protocol))
        if connection is not None:
            connection.limit_idle(HEAD_SECONDS)


class _LimitedConnection(asyncio.Protocol):
    """One connection. It passes all data to aiohttp's protocol."""

    def __init__(self, inner: web.RequestHandler, others: dict[int, _LimitedConnection]) -> None:
        self._inner = inner
        self._others = others
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def limit_idle(self, seconds: float | None) -> None:
        """Sets how long the connection may be idle from now on; None for no limit."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if seconds is not None and self._transport is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._close_if_idle)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._others[id(self._inner)] = self
        self._inner.connection_made(transport)
        self.limit_idle(HEAD_SECONDS)
        if len(self._others) > MAX_CONNECTIONS:
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
        self.limit_idle(None)
        self._transport = None
        self._others.pop(id(self._inner), None)
        self._inner.connection_lost(error)

    def _close_if_idle(self) -> None:
        if self._transport is None:
            return
        # A client that still reads an answer, however slowly, is not idle.
        unsent, self._unsent = self._unsent, self._transport.get_write_buffer_size()
        if self._unsent and self._unsent != unsent:
            self.limit_idle(HEAD_SECONDS)
        else:
            self._transport.abort()
