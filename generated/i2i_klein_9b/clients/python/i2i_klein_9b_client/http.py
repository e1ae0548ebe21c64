"""Requests of an endpoint, by httpx: bounded in time however slowly they come, and in bytes however they are packed."""

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

# Bytes a second that the slowest line has. What comes more slowly is not waited for.
_PACE = 65_536
_PIECE = 1 << 20
# Of an answer that is a refusal, only its beginning is told.
_REFUSAL_BYTES = 16_384
_REDIRECTS = 5
# A key that is shorter stands in texts by chance.
_SECRET = 12


class Http:
    """The connections to one endpoint, and to where its files lie. Of one event loop; close it."""

    def __init__(self, url: str, api_key: str, options: Options) -> None:
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json", "Accept-Encoding": "gzip"}
        self._options = options
        self._key = api_key.encode()
        self._endpoint = httpx.AsyncClient(base_url=url, headers=headers, cookies=_no_cookies())
        # Another: the API key is RunPod's, and not for where files lie.
        self._files: httpx.AsyncClient | None = None
        self._closed = False

    @property
    def url(self) -> str:
        """The endpoint's address."""
        return str(self._endpoint.base_url).rstrip("/")

    async def send(self, step: Send) -> Reply:
        """What comes of a request; nothing is raised for what the other side does.

        Raises:
            CallError: the client is closed.
        """
        if self._closed:
            raise CallError("this client is closed")
        known = _Known()
        try:
            return await self._sent(step, known)
        except TimeoutError:
            reason = f"TimeoutError: not done within {step.seconds:g} seconds"
            error: Exception | None = None
        except Exception as problem:  # noqa: BLE001 - a server can cause more kinds than httpx lists
            reason, error = _reason(problem), problem
        if known.status and known.status not in range(200, 300):
            # A refusal counts, whatever its body does.
            return Reply(known.status, retry_after=known.retry_after)
        return Reply(broken="perhaps_sent" if known.begun and not _unsent(error) else "nothing_sent", reason=reason)

    async def fetch(self, medium: Medium, url: str, path: Path) -> None:
        """Brings a file from its address; tries again where the connection or the store fails.

        Raises:
            MediaBroken: it is another than the worker made, or cannot be fetched; nothing is left of it.
            CannotSave: it cannot be written.
        """
        part = part_of(path)
        for left in reversed(range(self._options.retries + 1)):
            try:
                with _written(part) as file:
                    await self._fetched(medium, file_url(medium.output, url), file)
                with _saving():
                    part.replace(path)
            except CallError:
                raise
            except Exception as problem:  # noqa: BLE001 - as in `send`
                # Without the address: a signed one is a key.
                again, said = not isinstance(problem, _Refused) or problem.status >= 500, _kind(problem)
                if not left or not again:
                    raise MediaBroken(f"{medium.output}: the file cannot be fetched: {said}") from None
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

    async def _sent(self, step: Send, known: _Known) -> Reply:
        async with _Limit(step.seconds, step.most_seconds) as limit:
            limit.came(len(step.body or b""))
            async with self._endpoint.stream(
                step.method, step.path, content=step.body, timeout=step.seconds, extensions={"trace": known.note}
            ) as response:
                known.status, known.retry_after = response.status_code, response.headers.get("Retry-After")
                good = response.is_success
                most = self._options.max_answer_bytes if good else _REFUSAL_BYTES
                body = bytearray()
                try:
                    async with contextlib.aclosing(_pieces(response, limit)) as pieces:
                        async for piece in pieces:
                            body += piece
                            if len(body) > most:
                                break
                except _NotReadable as problem:
                    return Reply(known.status, b"", known.retry_after, unusable=str(problem))
        if good and len(body) > most:
            return Reply(known.status, b"", known.retry_after, unusable=f"an answer of more than {most:,} bytes")
        told = bytes(body[:most])
        if not good and len(self._key) >= _SECRET:
            told = told.replace(self._key, b"...")
        return Reply(known.status, told, known.retry_after)

    async def _fetched(self, medium: Medium, url: str, file: BinaryIO) -> None:
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
                        url = _moved(medium, url, response.headers["Location"])
                        continue
                    if not response.is_success:
                        raise _Refused(response.status_code)
                    receiver = Receiver(medium, self._options.max_download_bytes)
                    async with contextlib.aclosing(_pieces(response, limit)) as pieces:
                        async for piece in pieces:
                            receiver.feed(piece)
                            with _saving():
                                file.write(piece)
                    receiver.done()
                    return
        raise MediaBroken(f"{medium.output}: the file cannot be fetched: it moves more than {_REDIRECTS} times")


@dataclass
class _Known:
    """How far a request came."""

    begun: bool = False
    status: int = 0
    retry_after: str | None = None

    async def note(self, event: str, _: object) -> None:
        """Hears of each step from httpx: those of a connection come before those of HTTP."""
        self.begun = self.begun or event.startswith("http")


class _Limit:
    """Ends what takes longer than some seconds, and one more for every 64 KiB; `most` whatever comes."""

    def __init__(self, seconds: float, most: float = float("inf")) -> None:
        self._most = asyncio.get_running_loop().time() + most
        self._until = asyncio.get_running_loop().time() + seconds
        self._timeout = asyncio.timeout_at(min(self._until, self._most))

    def came(self, count: int) -> None:
        """So many bytes were moved."""
        self._until += count / _PACE
        self._timeout.reschedule(min(self._until, self._most))

    async def __aenter__(self) -> _Limit:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._timeout.__aexit__(kind, error, trace)


class _NotReadable(Exception):
    """A body that is packed in a way that was not asked for, or wrongly."""


class _Refused(Exception):
    """A store that does not give a file."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


@dataclass
class _Unpacked:
    """A body's bytes, piece by piece: a few packed ones may stand for a gigabyte."""

    encoding: str
    _zip: zlib._Decompress | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        kind = self.encoding.strip().lower()
        if kind in {"gzip", "x-gzip"}:
            self._zip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        elif kind not in {"", "identity"}:
            raise _NotReadable("an answer that is packed in a way that was not asked for")

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What a chunk stands for."""
        if self._zip is None:
            yield chunk
            return
        try:
            while chunk:
                yield self._zip.decompress(chunk, _PIECE)
                chunk = self._zip.unconsumed_tail
        except zlib.error:
            raise _NotReadable("an answer that is not packed as it says") from None

    def done(self) -> None:
        """Says that no more comes."""
        if self._zip is not None and not self._zip.eof:
            raise _NotReadable("an answer that is cut off")


async def _pieces(response: httpx.Response, limit: _Limit) -> AsyncGenerator[bytes, None]:
    unpacked = _Unpacked(response.headers.get("Content-Encoding", ""))
    async for chunk in response.aiter_raw():
        limit.came(len(chunk))
        for piece in unpacked.feed(chunk):
            yield piece
    unpacked.done()


@contextlib.contextmanager
def _written(part: Path) -> Iterator[BinaryIO]:
    """A new file; never through a link that somebody put in its place."""
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


def _moved(medium: Medium, url: str, location: str) -> str:
    try:
        moved = str(httpx.URL(url).join(location))
    except (httpx.InvalidURL, ValueError):
        raise MediaBroken(f"{medium.output}: the file cannot be fetched: it moves to no address") from None
    if url.lower().startswith("https:") and not moved.lower().startswith("https:"):
        raise MediaBroken(f"{medium.output}: the file cannot be fetched: it moves from https to less")
    return file_url(medium.output, moved)


def _unsent(error: Exception | None) -> bool:
    """Whether an error says for sure that nothing has reached the other side."""
    return isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol))


def _reason(error: Exception) -> str:
    text = str(error) if isinstance(error, httpx.TransportError) else ""
    return f"{_kind(error)}: {text[:200]}" if text else _kind(error)


def _kind(error: Exception) -> str:
    return str(error) if isinstance(error, (_Refused, _NotReadable)) else type(error).__name__


def _no_cookies() -> CookieJar:
    """A jar that keeps none: they are for browsers."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
