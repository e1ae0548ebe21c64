"""HTTP requests to ComfyUI, with retries and typed errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp
from aiohttp import ClientResponse

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.comfyui.peers import PeerCheck
from comfy2runpod_runtime.errors import ComfyUINotOurs, ComfyUISilent, ComfyUIUnavailable

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

OK = 200
_SERVER_ERROR = 500
_ATTEMPTS = 3
_RETRY_SECONDS = 0.3
# ComfyUI runs nodes of strangers, and may be another machine's: no answer of it may fill the memory. The history of a
# job that shows texts of megabytes is far below this.
_MAX_ANSWER_BYTES = 64 * 10**6
# An answer that comes drop by drop never pauses for long: so many times as long as one pause, and it is given up.
_WHOLE_ANSWER = 10

Result = TypeVar("Result")


class RequestArguments(TypedDict, total=False):
    """The arguments of `aiohttp`'s request that are used."""

    json: object
    data: aiohttp.FormData
    params: dict[str, str]
    timeout: aiohttp.ClientTimeout


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response whose body was read completely."""

    status: int
    body: bytes

    def json_object(self) -> JsonObject:
        """Parses the body.

        Raises:
            ComfyUIUnavailable: the body is not a JSON object.
        """
        try:
            parsed: Json = json.loads(self.body)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise ComfyUIUnavailable(f"ComfyUI answered HTTP {self.status} without JSON.")
        return parsed


class HttpConnection:
    """A pool of HTTP connections to one ComfyUI.

    Args:
        url: the base URL, without a slash at its end.
        timeout_seconds: to connect, until the head of an answer is there, and between two chunks. A whole answer may
            take ten times as long; a download is not bounded, since it may take long.
        is_ours: whether a new connection is to the worker's own ComfyUI; None for one elsewhere.
    """

    def __init__(self, url: str, timeout_seconds: float, is_ours: PeerCheck | None) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._session = aiohttp.ClientSession(
            connector=None if is_ours is None else _OwnConnector(is_ours),
            # Neither ComfyUI nor its files are compressed: a small answer must not unpack to a large one.
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=timeout_seconds, sock_read=timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A proxy from the environment cannot reach a ComfyUI on this machine.
            trust_env=urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"),
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()

    @asynccontextmanager
    async def stream(
        self, method: str, path: str, **arguments: Unpack[RequestArguments]
    ) -> AsyncIterator[ClientResponse]:
        """Sends a request, without following redirects; the body can be streamed.

        Raises:
            ComfyUISilent: no answer within the timeout.
            ComfyUINotOurs: another program has taken the connection; nothing was sent to it.
            ComfyUIUnavailable: the connection failed.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds) as until_head:
                # Only the head of the answer has this limit; a request that has its own takes as long to send.
                if "timeout" in arguments:
                    until_head.reschedule(None)
                async with self._session.request(
                    method, self._url + path, allow_redirects=False, **arguments
                ) as response:
                    until_head.reschedule(None)
                    yield response
        except TimeoutError as error:
            raise ComfyUISilent("ComfyUI does not answer in time.") from error
        except _ForeignPeerError as error:
            raise ComfyUINotOurs(
                "Another program answers on the port of this worker's ComfyUI. End it, or set COMFYUI_PORT to a port "
                "that nothing else uses."
            ) from error
        except aiohttp.ClientError as error:
            refused = isinstance(error, aiohttp.ClientConnectorError)
            reason = "there is no connection" if refused else "the connection broke"
            raise ComfyUIUnavailable(f"ComfyUI does not answer: {reason}.") from error

    async def read(self, answer: ClientResponse) -> Response:
        """Reads an answer whole.

        Raises:
            TimeoutError: it does not end in time.
            ComfyUIUnavailable: it is too large.
        """
        body = bytearray()
        async with asyncio.timeout(self._timeout_seconds * _WHOLE_ANSWER):
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > _MAX_ANSWER_BYTES:
                    raise ComfyUIUnavailable(f"ComfyUI answered with more than {_MAX_ANSWER_BYTES:,} bytes.")
        return Response(answer.status, bytes(body))

    async def request(self, method: str, path: str, body: object = None) -> Response:
        """Sends a request, with `body` as JSON, and reads the response.

        Raises:
            ComfyUISilent: no answer within the timeout.
            ComfyUIUnavailable: the connection failed, or ComfyUI answered 5xx.
        """
        arguments = RequestArguments() if body is None else RequestArguments(json=body)
        async with self.stream(method, path, **arguments) as answer:
            response = await self.read(answer)
        raise_server_error(response.status)
        return response


class _ForeignPeerError(aiohttp.ClientConnectionError):
    """The connection is not to the worker's own ComfyUI."""


class _OwnConnector(aiohttp.TCPConnector):
    """Gives out connections to the worker's own ComfyUI alone: each is checked before anything is sent over it."""

    def __init__(self, is_ours: PeerCheck) -> None:
        super().__init__()
        self._is_ours = is_ours
        self._checked: WeakSet[asyncio.BaseTransport] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> Connection:
        """Returns a connection, as its base does.

        Raises:
            _ForeignPeerError: another program is at its other end.
        """
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        if transport is not None and transport not in self._checked:
            local, remote = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
            # None of a connection that has ended already, which fails as such.
            if local is not None and remote is not None:
                if not self._is_ours(local[:2], remote[:2]):
                    connection.close()
                    raise _ForeignPeerError
                self._checked.add(transport)
        return connection


async def retry(action: Callable[[], Awaitable[Result]], failures: list[Exception] | None = None) -> Result:
    """Calls an action up to three times, until it succeeds.

    Args:
        action: what to do.
        failures: receives the errors of failed attempts, for an action that depends on them.

    Raises:
        ComfyUISilent: the action timed out. It is not retried, since the request may still be executed.
        ComfyUIUnavailable: the last attempt failed.
    """
    failed = [] if failures is None else failures
    while True:
        try:
            return await action()
        except ComfyUISilent:
            raise
        except ComfyUIUnavailable as error:
            failed.append(error)
            if len(failed) == _ATTEMPTS:
                raise
        await asyncio.sleep(_RETRY_SECONDS)


def raise_server_error(status: int) -> None:
    """Raises for a 5xx status.

    Raises:
        ComfyUIUnavailable: the status is 500 or above.
    """
    if status >= _SERVER_ERROR:
        raise ComfyUIUnavailable(f"ComfyUI answered HTTP {status}.")
