"""HTTP requests to an endpoint, by httpx. Time, also that of slow servers, and decompressed size are limited."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import httpx

from .addresses import file_url
from .errors import CallError, CannotSave, MediaBroken
from .flow import Options, Reply, Send
from .media import Medium, Receiver, part_of

# Bytes per second below which a transfer times out.
_MIN_BYTES_PER_SECOND = 65_536
_PIECE = 1 << 20
# How much of an error answer is read.
_MAX_ERROR_BYTES = 16_384
# How many bytes more than its contents a compressed body may have: gzip adds a few to each block that it cannot shrink.
_MOST_OVERHEAD = 65_536
_REDIRECTS = 5
# A shorter API key could occur in a text by chance.
_MIN_SECRET_LENGTH = 12


class Http:
    """The connections to one endpoint and to its file storage. They belong to one event loop.

    Args:
        url: the endpoint's URL.
        api_key: the API key.
        options: the client's limits.
    """

    def __init__(self, url: str, api_key: str, options: Options) -> None:
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json", "Accept-Encoding": "gzip"}
        self._options = options
        self._key = api_key.encode()
        self._endpoint = httpx.AsyncClient(base_url=url, headers=headers, cookies=_no_cookies())
        # A separate client: the API key must not be sent to the file storage.
        self._files: httpx.AsyncClient | None = None
        self._closed = False

    @property
    def url(self) -> str:
        """The endpoint's URL."""
        return str(self._endpoint.base_url).rstrip("/")

    async def send(self, step: Send) -> Reply:
        """Sends a request. Failures of the server or connection are part of the reply, and not raised.

        Raises:
            CallError: the client is closed.
        """
        if self._closed:
            raise CallError("this client is closed")
        attempt = _Attempt()
        try:
            return await self._send(step, attempt)
        except TimeoutError:
            reason = f"TimeoutError: not done within {step.seconds:g} seconds"
            error: Exception | None = None
        except Exception as problem:  # noqa: BLE001 - a server can cause more exceptions than httpx documents
            reason, error = _reason(problem), problem
        if attempt.status and attempt.status not in range(200, 300):
            # An error status is valid even if its body cannot be read.
            return Reply(attempt.status, retry_after=attempt.retry_after)
        sent = attempt.started and not _failed_to_connect(error)
        return Reply(broken="perhaps_sent" if sent else "nothing_sent", reason=reason)

    async def fetch(self, medium: Medium, url: str, path: Path) -> None:
        """Downloads a file. Retries if the connection or the storage fails.

        Args:
            medium: the file's expected size and sha256.
            url: its URL.
            path: where to write it.

        Raises:
            MediaBroken: the file is not the one that the worker made, or cannot be downloaded; no file is left.
            CannotSave: the file cannot be written.
        """
        part = part_of(path)
        for left in reversed(range(self._options.retries + 1)):
            try:
                with _new_file(part) as file:
                    await self._download(medium, file_url(medium.output, url), file)
                with _saving():
                    part.replace(path)
            except CallError:
                raise
            except Exception as problem:  # noqa: BLE001 - as in `send`
                # Without the URL: a presigned URL is a secret.
                retryable = not isinstance(problem, _ErrorStatus) or problem.status >= 500
                if not left or not retryable:
                    raise MediaBroken(f"{medium.output}: the file cannot be downloaded: {_kind(problem)}") from None
            else:
                return
            finally:
                with _saving():
                    part.unlink(missing_ok=True)
            await asyncio.sleep(1.0)

    async def close(self) -> None:
        """Closes the connections."""
        self._closed = True
        await self._endpoint.aclose()
        if self._files is not None:
            await self._files.aclose()

    async def _send(self, step: Send, attempt: _Attempt) -> Reply:
        async with _Limit(step.seconds, step.most_seconds) as limit:
            limit.extend(len(step.body or b""))
            async with self._endpoint.stream(
                step.method, step.path, content=step.body, timeout=step.seconds, extensions={"trace": attempt.trace}
            ) as response:
                attempt.status, attempt.retry_after = response.status_code, response.headers.get("Retry-After")
                good = response.is_success
                most = self._options.max_answer_bytes if good else _MAX_ERROR_BYTES
                body = bytearray()
                try:
                    async with contextlib.aclosing(_pieces(response, limit, most)) as pieces:
                        async for piece in pieces:
                            body += piece
                            if len(body) > most:
                                break
                except _UnreadableBody as problem:
                    return Reply(attempt.status, b"", attempt.retry_after, unusable=str(problem))
        if good and len(body) > most:
            return Reply(attempt.status, b"", attempt.retry_after, unusable=f"the answer has more than {most:,} bytes")
        content = bytes(body[:most])
        if not good and len(self._key) >= _MIN_SECRET_LENGTH:
            content = content.replace(self._key, b"...")
        return Reply(attempt.status, content, attempt.retry_after)

    async def _download(self, medium: Medium, url: str, file: BinaryIO) -> None:
        if self._closed:
            raise CallError("this client is closed")
        if self._files is None:
            headers = {"Accept-Encoding": "identity"}
            self._files = httpx.AsyncClient(headers=headers, cookies=_no_cookies())
        seconds = self._options.request_seconds
        async with _Limit(seconds) as limit:
            for _ in range(_REDIRECTS + 1):
                async with self._files.stream("GET", url, timeout=seconds) as response:
                    if response.has_redirect_location:
                        url = _redirect_url(medium, url, response.headers["Location"])
                        continue
                    if not response.is_success:
                        raise _ErrorStatus(response.status_code)
                    receiver = Receiver(medium, self._options.max_download_bytes)
                    async with contextlib.aclosing(_pieces(response, limit, receiver.most)) as pieces:
                        async for piece in pieces:
                            receiver.feed(piece)
                            with _saving():
                                file.write(piece)
                    receiver.done()
                    return
        raise MediaBroken(f"{medium.output}: the file cannot be downloaded: it redirects more than {_REDIRECTS} times")


@dataclass
class _Attempt:
    """How far a request got."""

    started: bool = False
    status: int = 0
    retry_after: str | None = None

    async def trace(self, event: str, _: object) -> None:
        """Is called by httpx for each step: first those of the connection, then those of HTTP."""
        self.started = self.started or event.startswith("http")


class _Limit:
    """A time limit of `seconds`, plus one second for every 64 KiB transferred, up to `max_seconds` in all."""

    def __init__(self, seconds: float, max_seconds: float = float("inf")) -> None:
        self._last = asyncio.get_running_loop().time() + max_seconds
        self._until = asyncio.get_running_loop().time() + seconds
        self._timeout = asyncio.timeout_at(min(self._until, self._last))

    def extend(self, count: int) -> None:
        """Extends the limit for `count` bytes that were transferred."""
        self._until += count / _MIN_BYTES_PER_SECOND
        self._timeout.reschedule(min(self._until, self._last))

    async def __aenter__(self) -> _Limit:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._timeout.__aexit__(kind, error, trace)


class _UnreadableBody(Exception):
    """A body with an unexpected or invalid compression."""


class _ErrorStatus(Exception):
    """The storage answered with an error status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass
class _Decompressor:
    """Decompresses a body in pieces of bounded size, against decompression bombs."""

    encoding: str
    _zip: zlib._Decompress | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        kind = self.encoding.strip().lower()
        if kind in {"gzip", "x-gzip"}:
            self._zip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        elif kind not in {"", "identity"}:
            raise _UnreadableBody("the answer has a compression that was not requested")

    @property
    def compresses(self) -> bool:
        """Whether the body is compressed."""
        return self._zip is not None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Decompresses a chunk."""
        if self._zip is None:
            yield chunk
            return
        try:
            while chunk and not self._zip.eof:
                yield self._zip.decompress(chunk, _PIECE)
                chunk = self._zip.unconsumed_tail
        except zlib.error:
            raise _UnreadableBody("the answer is not compressed as it says") from None
        if self._zip.unused_data:
            raise _UnreadableBody("the answer goes on behind the end of its compressed content")

    def done(self) -> None:
        """Checks that the body is complete."""
        if self._zip is not None and not self._zip.eof:
            raise _UnreadableBody("the answer is truncated")


async def _pieces(response: httpx.Response, limit: _Limit, most: int) -> AsyncGenerator[bytes, None]:
    """The body, decompressed, whose reader stops after `most` bytes; one that never yields as many ends here."""
    decompressor = _Decompressor(response.headers.get("Content-Encoding", ""))
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if decompressor.compresses and received > most + _MOST_OVERHEAD:
            raise _UnreadableBody("the answer has more compressed bytes than it may have contents")
        limit.extend(len(chunk))
        for piece in decompressor.feed(chunk):
            yield piece
    decompressor.done()


@contextlib.contextmanager
def _new_file(part: Path) -> Iterator[BinaryIO]:
    """Opens a new file; fails if the path exists, also as a symbolic link."""
    with _saving():
        file = part.open("xb")
    try:
        yield file
    finally:
        with _saving():
            file.close()


@contextlib.contextmanager
def _saving() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotSave(error) from error


def _redirect_url(medium: Medium, url: str, location: str) -> str:
    try:
        target = str(httpx.URL(url).join(location))
    except (httpx.InvalidURL, ValueError):
        raise MediaBroken(f"{medium.output}: the file cannot be downloaded: it redirects to an invalid URL") from None
    if url.lower().startswith("https:") and not target.lower().startswith("https:"):
        raise MediaBroken(f"{medium.output}: the file cannot be downloaded: it redirects from https to http")
    return file_url(medium.output, target)


def _failed_to_connect(error: Exception | None) -> bool:
    """Whether an error proves that nothing was sent."""
    return isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol))


def _reason(error: Exception) -> str:
    text = str(error) if isinstance(error, httpx.TransportError) else ""
    return f"{_kind(error)}: {text[:200]}" if text else _kind(error)


def _kind(error: Exception) -> str:
    return str(error) if isinstance(error, (_ErrorStatus, _UnreadableBody)) else type(error).__name__


def _no_cookies() -> CookieJar:
    """A cookie jar that stores nothing."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
