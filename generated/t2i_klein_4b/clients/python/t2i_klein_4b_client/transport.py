"""The two clients, sync and async: they walk the steps of `flow` with httpx, and bring media home."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeAlias, TypedDict, TypeVar, cast

import httpx

from . import flow
from .errors import JobFailed, MediaBroken
from .flow import OnProgress, Options, Reply, Send, Wait
from .job_options import JobOptions
from .media import Medium, OutputSpec, Receiver, decoded, media_in, part_of, write_whole
from .pictures import PictureLimits, encoded

RUNPOD = "https://api.runpod.ai/v2"

_Input = TypeVar("_Input", bound=Mapping[str, object])
_Output = TypeVar("_Output", bound=Mapping[str, object])
# What progress may hold before the answer.
_Files = TypeVar("_Files", bound=Mapping[str, object])
_T = TypeVar("_T")

# The files of an answer, by the output's name.
Saved: TypeAlias = dict[str, list[Path]]


@dataclass(frozen=True)
class Spec:
    """What a client knows of its package."""

    pictures: Mapping[str, PictureLimits]
    outputs: tuple[OutputSpec, ...]
    # What every result holds; an output without them is none.
    keys: tuple[str, ...]


class SyncClient(Generic[_Input, _Output, _Files]):
    """An endpoint, for one API key. May be used by several threads; `close` it, or use it in a `with`."""

    SPEC: ClassVar[Spec]

    def __init__(self, endpoint: str, api_key: str, options: Options | None = None) -> None:
        """`endpoint` is an endpoint's id at RunPod, or the address of one elsewhere."""
        self.options = options or Options()
        self._http = httpx.Client(**_arguments(endpoint, api_key, self.options))

    def submit(self, request: _Input, *, job: JobOptions | None = None) -> str:
        """Queues a job; its id."""
        return self._submit(request, _deadline(self.options, None), job)

    def result(
        self,
        job_id: str,
        *,
        on_progress: OnProgress[_Files] | None = None,
        timeout_seconds: float | None = None,
    ) -> _Output:
        """Waits for a job's end; its output. The job is left alone if it has not ended in time (CallTimeout)."""
        return self._result(job_id, on_progress, _deadline(self.options, timeout_seconds))

    def run(
        self,
        request: _Input,
        *,
        on_progress: OnProgress[_Files] | None = None,
        timeout_seconds: float | None = None,
        job: JobOptions | None = None,
    ) -> _Output:
        """Queues a job and waits for its end. Whatever ends the waiting before that, stops the job too."""
        deadline = _deadline(self.options, timeout_seconds)
        job_id = self._submit(request, deadline, job)
        try:
            return self._result(job_id, on_progress, deadline)
        except JobFailed:
            raise
        except BaseException:
            with contextlib.suppress(Exception):
                self.cancel(job_id)
            raise

    def status(self, job_id: str) -> dict[str, object]:
        """How a job is now, as RunPod's /status says it."""
        return self._walk(flow.look(job_id, self.options))

    def cancel(self, job_id: str) -> None:
        """Stops a job, or takes it out of the queue."""
        self._walk(flow.cancel(job_id, self.options))

    def save(self, output: _Output | _Files, folder: Path | str, prefix: str = "") -> Saved:
        """Writes the media of an output, or of a progress's `files`, into a folder.

        Each is checked against the size and sha256 that the answer says.

        Raises:
            MediaBroken: a file is another than the worker made, or cannot be fetched; nothing is left of it.
        """
        saved: Saved = {}
        for medium, path in _places(output, self.SPEC.outputs, Path(folder), prefix):
            if medium.url is None:
                write_whole(path, decoded(medium))
            else:
                self._fetch(medium, medium.url, path)
            saved.setdefault(medium.output, []).append(path)
        return saved

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections."""
        self.close()

    def _submit(self, request: _Input, deadline: float, job: JobOptions | None) -> str:
        return self._walk(flow.submit(encoded(request, self.SPEC.pictures), self.options, deadline, job))

    def _result(self, job_id: str, on_progress: OnProgress[_Files] | None, deadline: float) -> _Output:
        tell = cast("OnProgress[Mapping[str, object]] | None", on_progress)
        answer = self._walk(flow.result(job_id, self.options, self.SPEC.keys, tell, deadline))
        return cast("_Output", answer)

    def _walk(self, steps: Generator[Send | Wait, Reply, _T]) -> _T:
        reply: Reply | None = None
        while True:
            try:
                step = next(steps) if reply is None else steps.send(reply)
            except StopIteration as end:
                return cast("_T", end.value)
            if isinstance(step, Wait):
                time.sleep(step.seconds)
                reply = Reply()
            else:
                reply = self._send(step)

    def _send(self, step: Send) -> Reply:
        try:
            return _reply(self._http.request(step.method, step.path, content=step.body, timeout=step.seconds))
        except httpx.TransportError as error:
            return _broken(error)

    def _fetch(self, medium: Medium, url: str, path: Path) -> None:
        part = part_of(path)
        for last in _tries(self.options):
            try:
                # A client of its own: the API key is RunPod's, and not for where files lie.
                with (
                    httpx.Client(timeout=self.options.request_seconds, follow_redirects=True) as http,
                    http.stream("GET", _address(medium, url)) as response,
                    part.open("wb") as file,
                ):
                    response.raise_for_status()
                    receiver = Receiver(medium, self.options.max_download_bytes)
                    for chunk in response.iter_bytes():
                        receiver.feed(chunk)
                        file.write(chunk)
                receiver.done()
            except httpx.HTTPError as error:
                if last or not _worth_again(error):
                    raise _unfetched(medium, error) from None
            else:
                part.replace(path)
                return
            finally:
                part.unlink(missing_ok=True)
            time.sleep(1.0)


class AsyncClient(Generic[_Input, _Output, _Files]):
    """An endpoint, for one API key, on asyncio; `aclose` it, or use it in an `async with`."""

    SPEC: ClassVar[Spec]

    def __init__(self, endpoint: str, api_key: str, options: Options | None = None) -> None:
        """`endpoint` is an endpoint's id at RunPod, or the address of one elsewhere."""
        self.options = options or Options()
        self._http = httpx.AsyncClient(**_arguments(endpoint, api_key, self.options))

    async def submit(self, request: _Input, *, job: JobOptions | None = None) -> str:
        """Queues a job; its id."""
        return await self._submit(request, _deadline(self.options, None), job)

    async def result(
        self,
        job_id: str,
        *,
        on_progress: OnProgress[_Files] | None = None,
        timeout_seconds: float | None = None,
    ) -> _Output:
        """Waits for a job's end; its output. The job is left alone if it has not ended in time (CallTimeout)."""
        return await self._result(job_id, on_progress, _deadline(self.options, timeout_seconds))

    async def run(
        self,
        request: _Input,
        *,
        on_progress: OnProgress[_Files] | None = None,
        timeout_seconds: float | None = None,
        job: JobOptions | None = None,
    ) -> _Output:
        """Queues a job and waits for its end. Whatever ends the waiting before that, stops the job too."""
        deadline = _deadline(self.options, timeout_seconds)
        job_id = await self._submit(request, deadline, job)
        try:
            return await self._result(job_id, on_progress, deadline)
        except JobFailed:
            raise
        except BaseException:
            with contextlib.suppress(Exception):
                await asyncio.shield(self.cancel(job_id))
            raise

    async def status(self, job_id: str) -> dict[str, object]:
        """How a job is now, as RunPod's /status says it."""
        return await self._walk(flow.look(job_id, self.options))

    async def cancel(self, job_id: str) -> None:
        """Stops a job, or takes it out of the queue."""
        await self._walk(flow.cancel(job_id, self.options))

    async def save(self, output: _Output | _Files, folder: Path | str, prefix: str = "") -> Saved:
        """Writes the media of an output, or of a progress's `files`, into a folder, as SyncClient.save does."""
        saved: Saved = {}
        for medium, path in _places(output, self.SPEC.outputs, Path(folder), prefix):
            await self.save_one(medium, path)
            saved.setdefault(medium.output, []).append(path)
        return saved

    async def save_one(self, medium: Medium, path: Path) -> None:
        """Writes one file.

        Raises:
            MediaBroken: it is another than the worker made, or cannot be fetched; nothing is left of it.
        """
        if medium.url is None:
            await asyncio.to_thread(lambda: write_whole(path, decoded(medium)))
        else:
            await self._fetch(medium, medium.url, path)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        await self.aclose()

    async def _submit(self, request: _Input, deadline: float, job: JobOptions | None) -> str:
        sent = await asyncio.to_thread(encoded, request, self.SPEC.pictures)
        return await self._walk(flow.submit(sent, self.options, deadline, job))

    async def _result(self, job_id: str, on_progress: OnProgress[_Files] | None, deadline: float) -> _Output:
        tell = cast("OnProgress[Mapping[str, object]] | None", on_progress)
        answer = await self._walk(flow.result(job_id, self.options, self.SPEC.keys, tell, deadline))
        return cast("_Output", answer)

    async def _walk(self, steps: Generator[Send | Wait, Reply, _T]) -> _T:
        reply: Reply | None = None
        while True:
            try:
                step = next(steps) if reply is None else steps.send(reply)
            except StopIteration as end:
                return cast("_T", end.value)
            if isinstance(step, Wait):
                await asyncio.sleep(step.seconds)
                reply = Reply()
            else:
                reply = await self._send(step)

    async def _send(self, step: Send) -> Reply:
        try:
            return _reply(await self._http.request(step.method, step.path, content=step.body, timeout=step.seconds))
        except httpx.TransportError as error:
            return _broken(error)

    async def _fetch(self, medium: Medium, url: str, path: Path) -> None:
        part = part_of(path)
        for last in _tries(self.options):
            try:
                async with (
                    httpx.AsyncClient(timeout=self.options.request_seconds, follow_redirects=True) as http,
                    http.stream("GET", _address(medium, url)) as response,
                ):
                    response.raise_for_status()
                    receiver = Receiver(medium, self.options.max_download_bytes)
                    with part.open("wb") as file:
                        async for chunk in response.aiter_bytes():
                            receiver.feed(chunk)
                            file.write(chunk)
                receiver.done()
            except httpx.HTTPError as error:
                if last or not _worth_again(error):
                    raise _unfetched(medium, error) from None
            else:
                part.replace(path)
                return
            finally:
                part.unlink(missing_ok=True)
            await asyncio.sleep(1.0)


class _Arguments(TypedDict):
    base_url: str
    headers: dict[str, str]
    timeout: float


def _arguments(endpoint: str, api_key: str, options: Options) -> _Arguments:
    url = endpoint.rstrip("/") if "://" in endpoint else f"{RUNPOD}/{endpoint}"
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
    return {"base_url": url, "headers": headers, "timeout": options.request_seconds}


def _deadline(options: Options, timeout_seconds: float | None) -> float:
    return time.monotonic() + (options.call_seconds if timeout_seconds is None else timeout_seconds)


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.status_code, response.content, response.headers.get("Retry-After"))


def _broken(error: httpx.TransportError) -> Reply:
    # Only these say for sure that nothing has reached the other side.
    unsent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol))
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Reply(broken="nothing_sent" if unsent else "perhaps_sent", reason=reason)


def _places(
    output: Mapping[str, object], specs: tuple[OutputSpec, ...], folder: Path, prefix: str
) -> list[tuple[Medium, Path]]:
    folder.mkdir(parents=True, exist_ok=True)
    return [(medium, folder / f"{prefix}{medium.name()}") for medium in media_in(output, specs)]


def _address(medium: Medium, url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise MediaBroken(f"{medium.output}: not an address that files are fetched from: {url[:80]}")
    return url


def _tries(options: Options) -> Iterator[bool]:
    """One item a try; whether it is the last."""
    for number in range(options.retries + 1):
        yield number == options.retries


def _worth_again(error: httpx.HTTPError) -> bool:
    return not isinstance(error, httpx.HTTPStatusError) or error.response.status_code >= 500


def _unfetched(medium: Medium, error: httpx.HTTPError) -> MediaBroken:
    # Without the address: a signed one is a key.
    said = f"HTTP {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
    return MediaBroken(f"{medium.output}: the file cannot be fetched: {said}")
