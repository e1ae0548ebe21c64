"""Downloads a URL that a caller gave, protected against server-side request forgery (SSRF).

The host is resolved once. If every address is public, the connection is made to one of these addresses, with the host
name for TLS and HTTP. The name is not resolved again, so DNS rebinding has no effect. Every redirect is checked in the
same way. Proxies from the environment are ignored, since a proxy would resolve the name itself.
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

from comfy2runpod_contract.addresses import is_public
from comfy2runpod_contract.wording import megabytes
from comfy2runpod_runtime.inputs.input_errors import MediaRefused

_REDIRECTS = 5
_REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_LONGEST_URL = 8192
_LAST_PORT = 65535
# More digits than any length has; Python does not read numbers of thousands of them.
_MAX_DIGITS = 18
_NOT_FOUND_STATUSES = frozenset({404, 410})
_FORBIDDEN_STATUSES = frozenset({401, 403, 407})
# No compression: media are compressed already, and Content-Length must be the size of the file.
_HEADERS = ((b"Accept-Encoding", b"identity"), (b"User-Agent", b"comfy2runpod"))


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What may be fetched.

    Attributes:
        timeout_seconds: the time for a whole fetch: DNS, redirects and download.
        allow_http: whether plain HTTP is allowed.
        allow_private_addresses: whether addresses that are not public are allowed; for tests.
    """

    timeout_seconds: float
    allow_http: bool = False
    allow_private_addresses: bool = False


async def fetch(url: str, max_bytes: int, policy: FetchPolicy, accept: bytes) -> bytes:
    """Downloads a URL.

    Args:
        url: the URL as the caller gave it.
        max_bytes: the largest body to accept.
        policy: what may be fetched.
        accept: the media types to ask for, as the header `Accept` has them.

    Raises:
        MediaRefused: the URL may not be fetched, or the download failed; the message says which step failed.
    """
    try:
        async with asyncio.timeout(policy.timeout_seconds):
            return await _fetch_with_redirects(url, max_bytes, policy, accept)
    except (TimeoutError, httpcore.TimeoutException):
        reason = f"it took longer than {policy.timeout_seconds:g} s"
    except httpcore.ConnectError as error:
        reason = "the server's certificate is not valid" if _is_tls_error(error) else "the server cannot be reached"
    except (httpcore.NetworkError, httpcore.ProtocolError):
        reason = "the connection ended before the whole file had arrived"
    raise MediaRefused(f"could not be fetched: {reason}")


async def _fetch_with_redirects(text: str, max_bytes: int, policy: FetchPolicy, accept: bytes) -> bytes:
    url = _parse_url(text, None, policy)
    for _ in range(_REDIRECTS + 1):
        backend = _PublicAddressBackend(allow_private=policy.allow_private_addresses)
        context = await asyncio.to_thread(_tls) if url.scheme == "https" else None
        async with httpcore.AsyncConnectionPool(ssl_context=context, network_backend=backend) as pool:
            headers = [(b"Host", url.netloc), (b"Accept", accept), *_HEADERS]
            at = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
            async with pool.stream("GET", at, headers=headers) as response:
                if response.status not in _REDIRECT_STATUSES:
                    return await _read_body(response, max_bytes)
                location = _header(response.headers, b"location")
        if not location:
            raise MediaRefused("could not be fetched: it redirects without a location")
        url = _parse_url(location, url, policy)
    raise MediaRefused(f"could not be fetched: it redirects more than {_REDIRECTS} times")


def _parse_url(text: str, base: httpx.URL | None, policy: FetchPolicy) -> httpx.URL:
    """Parses the caller's URL, or with `base` the location of a redirect.

    Raises:
        MediaRefused: the URL is invalid or not allowed.
    """
    what = "the URL" if base is None else "it redirects to a URL that"
    try:
        if len(text) > _LONGEST_URL:
            raise MediaRefused(f"could not be fetched: {what} is longer than {_LONGEST_URL:,} characters")
        url = httpx.URL(text) if base is None else base.join(text)
        allowed = ("https", "http") if policy.allow_http else ("https",)
        if url.scheme not in allowed:
            raise MediaRefused(f"could not be fetched: {what} is not {' or '.join(allowed)}")
        if url.port is not None and not 0 < url.port <= _LAST_PORT:
            raise MediaRefused(f"could not be fetched: {what} is not valid")
        if not url.host:
            raise MediaRefused(f"could not be fetched: {what} names no host")
        if url.userinfo:
            raise MediaRefused(f"could not be fetched: {what} holds a user name or a password; they are not sent")
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise MediaRefused(f"could not be fetched: {what} is not valid") from error
    return url


async def _read_body(response: httpcore.Response, max_bytes: int) -> bytes:
    """Reads the body of a response.

    Raises:
        MediaRefused: the status is not 200, or the body is too large; raised before the whole body is read.
    """
    status = response.status
    if status in _NOT_FOUND_STATUSES:
        raise MediaRefused(f"could not be fetched: it was not found (HTTP {status})")
    if status in _FORBIDDEN_STATUSES:
        raise MediaRefused(f"could not be fetched: the server requires a login (HTTP {status})")
    if status != httpx.codes.OK:
        raise MediaRefused(f"could not be fetched: the server answered HTTP {status}")
    if _header(response.headers, b"content-encoding") not in ("", "identity"):
        raise MediaRefused("could not be fetched: the server sent a compressed answer, which was not requested")
    announced = _header(response.headers, b"content-length")
    too_large = MediaRefused(f"could not be fetched: it is too large; at most {megabytes(max_bytes)} are allowed")
    if announced.isascii() and announced.isdecimal() and (len(announced) > _MAX_DIGITS or int(announced) > max_bytes):
        raise too_large
    received = bytearray()
    async for chunk in response.aiter_stream():
        received += chunk
        if len(received) > max_bytes:
            raise too_large
    return bytes(received)


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    return next((value.decode("latin-1").strip() for key, value in headers if key.lower() == name), "")


def _is_tls_error(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Loads the certificates once per process, on first use: it is slow."""
    return httpx.create_ssl_context()


class _PublicAddressBackend(httpcore.AsyncNetworkBackend):
    """A network backend that connects to public addresses only."""

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
        """Resolves the host once, checks all of its addresses, and connects to the first that answers."""
        addresses = await _resolve(host, port)
        # A private address among public ones is a DNS rebinding attack: then no address is used.
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
            raise MediaRefused("could not be fetched: its host is not at a public address")


async def _resolve(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise MediaRefused("could not be fetched: its host has no address") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
