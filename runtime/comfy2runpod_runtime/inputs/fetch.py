"""A caller's URL -> its bytes, without becoming the caller's hand in our own network.

The host is resolved once, its addresses are checked, and the connection goes to the address that was checked, under the
host's own name for TLS and HTTP: a name that is resolved again in between to another address gains nothing. Every
redirect goes the same way. Proxies of the environment are not used: they would resolve the name themselves.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import httpcore
import httpx

from comfy2runpod_runtime.inputs.addresses import is_public
from comfy2runpod_runtime.inputs.refused import InputRefused, megabytes

_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_LONGEST_URL = 8192
_LAST_PORT = 65535
_GONE = frozenset({404, 410})
_CLOSED = frozenset({401, 403, 407})
# Formats of images are compressed already; a compressed answer would have another size than it says.
_HEADERS = ((b"Accept", b"image/*"), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"comfy2runpod"))


@dataclass(frozen=True, slots=True)
class FetchRules:
    """What may be fetched. `timeout_seconds` bounds a whole fetch: names, redirects and bytes."""

    timeout_seconds: float
    allow_http: bool = False
    allow_private_addresses: bool = False


async def fetch(text: str, limit: int, rules: FetchRules) -> bytes:
    """The bytes at a URL, `limit` at most.

    Raises:
        InputRefused: the URL may not be fetched, or its bytes cannot be had; the message says which step failed.
    """
    try:
        async with asyncio.timeout(rules.timeout_seconds):
            return await _follow(text, limit, rules)
    except (TimeoutError, httpcore.TimeoutException):
        reason = f"it took longer than {rules.timeout_seconds:g} s"
    except httpcore.ConnectError as error:
        reason = "the server's certificate is not valid" if _is_tls(error) else "the server cannot be reached"
    except (httpcore.NetworkError, httpcore.ProtocolError):
        reason = "the connection ended before the whole file had come"
    raise InputRefused(f"could not be fetched: {reason}")


async def _follow(text: str, limit: int, rules: FetchRules) -> bytes:
    url = _checked(text, None, rules)
    for _ in range(_REDIRECTS + 1):
        backend = _CheckedBackend(allow_private=rules.allow_private_addresses)
        context = await asyncio.to_thread(_tls) if url.scheme == "https" else None
        async with httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend) as pool:
            headers = [(b"Host", url.netloc), *_HEADERS]
            at = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
            async with pool.stream("GET", at, headers=headers) as response:
                if response.status not in _MOVED:
                    return await _body(response, limit)
                location = _header(response.headers, b"location")
        if not location:
            raise InputRefused("could not be fetched: it redirects, but does not say where to")
        url = _checked(location, url, rules)
    raise InputRefused(f"could not be fetched: it redirects more than {_REDIRECTS} times")


def _checked(text: str, base: httpx.URL | None, rules: FetchRules) -> httpx.URL:
    """The URL, or that of a redirect.

    Raises:
        InputRefused: no URL, or not one that is fetched.
    """
    what = "the URL" if base is None else "it redirects to a URL that"
    try:
        if len(text) > _LONGEST_URL:
            raise InputRefused(f"could not be fetched: {what} is longer than {_LONGEST_URL:,} characters")
        url = httpx.URL(text) if base is None else base.join(text)
        allowed = ("https", "http") if rules.allow_http else ("https",)
        if url.scheme not in allowed:
            raise InputRefused(f"could not be fetched: {what} is not {' or '.join(allowed)}")
        if url.port is not None and not 0 < url.port <= _LAST_PORT:
            raise InputRefused(f"could not be fetched: {what} is not a valid one")
        if not url.host:
            raise InputRefused(f"could not be fetched: {what} names no host")
        if url.userinfo:
            raise InputRefused(f"could not be fetched: {what} holds a user name or a password; they are not sent")
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise InputRefused(f"could not be fetched: {what} is not a valid one") from error
    return url


async def _body(response: httpcore.Response, limit: int) -> bytes:
    """The bytes of an answer.

    Raises:
        InputRefused: it is no success, or too large; found out before or while it comes, never after.
    """
    status = response.status
    if status in _GONE:
        raise InputRefused(f"could not be fetched: it was not found (HTTP {status})")
    if status in _CLOSED:
        raise InputRefused(f"could not be fetched: the server does not give it without a log-in (HTTP {status})")
    if status != httpx.codes.OK:
        raise InputRefused(f"could not be fetched: the server answered HTTP {status}")
    if _header(response.headers, b"content-encoding") not in ("", "identity"):
        raise InputRefused("could not be fetched: the server answered in a compressed form that was not asked for")
    announced = _header(response.headers, b"content-length")
    too_large = InputRefused(f"could not be fetched: it is too large; at most {megabytes(limit)} are taken")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large
    received = bytearray()
    async for chunk in response.aiter_stream():
        received += chunk
        if len(received) > limit:
            raise too_large
    return bytes(received)


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    return next((value.decode("latin-1").strip() for key, value in headers if key.lower() == name), "")


def _is_tls(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Reading the certificates takes a while: once a process, and only if something is fetched."""
    return httpx.create_ssl_context()


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to public addresses only."""

    def __init__(self, *, allow_private: bool) -> None:
        self._tcp = httpcore.AnyIOBackend()
        self._allow_private = allow_private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolves the host and connects to the first of its addresses that answers."""
        addresses = await _addresses(host, port)
        # One private address among public ones is how a name is made to lead inside: then none is used.
        self._check(addresses)
        failed: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                stream = await self._tcp.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            self._check([stream.get_extra_info("server_addr")[0]])
            return stream
        raise failed

    def _check(self, addresses: list[str]) -> None:
        if not self._allow_private and not all(is_public(address) for address in addresses):
            raise InputRefused("could not be fetched: its host is not at a public address")


async def _addresses(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InputRefused("could not be fetched: its host has no address") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
