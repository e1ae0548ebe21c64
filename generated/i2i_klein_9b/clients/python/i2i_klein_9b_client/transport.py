"""The two clients, sync and async: they walk the steps of `flow`, and bring media home."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeAlias, TypeVar, cast

from . import flow
from .addresses import api_key_of, endpoint_url
from .checks import check_input
from .errors import CannotSave, InputRefused, JobFailed
from .flow import OnProgress, Options, Reply, Send, Wait
from .http import Http
from .images import encoded, image_fields
from .job_options import JobOptions
from .loop import Portal
from .media import Medium, OutputSpec, decoded, media_in, write_whole

_Input = TypeVar("_Input", bound=Mapping[str, object])
_Output = TypeVar("_Output", bound=Mapping[str, object])
# What progress may hold before the answer.
_Files = TypeVar("_Files", bound=Mapping[str, object])
_T = TypeVar("_T")

# The files of an answer, by the output's name.
Saved: TypeAlias = dict[str, list[Path]]

# How long a call that ends early waits for its job to be told to stop.
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Spec:
    """What a client knows of its package."""

    # The JSON Schema of an input.
    schema: Callable[[], Mapping[str, object]]
    outputs: tuple[OutputSpec, ...]
    # What every result holds; an output without them is none.
    keys: tuple[str, ...]


@dataclass(frozen=True)
class _Settings:
    """Whom a client calls, with what, and how."""

    url: str
    api_key: str = field(repr=False)
    options: Options

    @classmethod
    def of(cls, endpoint: str | None, api_key: str | None, options: Options | None) -> _Settings:
        return cls(endpoint_url(endpoint), api_key_of(api_key), options or Options())

    def http(self) -> Http:
        return Http(self.url, self.api_key, self.options)


class SyncClient(Generic[_Input, _Output, _Files]):
    """An endpoint, for one API key. May be used by several threads; `close` it, or use it in a `with`."""

    SPEC: ClassVar[Spec]

    def __init__(self, endpoint: str | None = None, api_key: str | None = None, options: Options | None = None) -> None:
        """`endpoint` is an endpoint's id at RunPod, or the address of one elsewhere.

        What is omitted is read from the environment: RUNPOD_ENDPOINT_ID and RUNPOD_API_KEY.

        Raises:
            NotConfigured: one of them is nowhere, or is none.
        """
        settings = _Settings.of(endpoint, api_key, options)
        self.options = settings.options
        self._portal = Portal(settings.http)

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
                self._walk(flow.cancel(job_id, self.options, time.monotonic() + _STOP_SECONDS))
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
            CannotSave: a file cannot be written.
        """
        saved: Saved = {}
        for medium, path in _places(output, self.SPEC.outputs, folder, prefix):
            if medium.url is None:
                write_whole(path, decoded(medium))
            else:
                self._fetch(medium, medium.url, path)
            saved.setdefault(medium.output, []).append(path)
        return saved

    def close(self) -> None:
        """Closes the connections."""
        self._portal.close()

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections."""
        self.close()

    def _submit(self, request: _Input, deadline: float, job: JobOptions | None) -> str:
        return self._walk(flow.submit(_sent(request, self.SPEC, self.options), self.options, deadline, job))

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
        return self._portal.call(lambda http: http.send(step))

    def _fetch(self, medium: Medium, url: str, path: Path) -> None:
        self._portal.call(lambda http: http.fetch(medium, url, path))


class AsyncClient(Generic[_Input, _Output, _Files]):
    """An endpoint, for one API key, on asyncio; `aclose` it, or use it in an `async with`."""

    SPEC: ClassVar[Spec]

    def __init__(self, endpoint: str | None = None, api_key: str | None = None, options: Options | None = None) -> None:
        """As SyncClient's.

        Raises:
            NotConfigured: no endpoint or API key is given or in the environment, or it is none.
        """
        settings = _Settings.of(endpoint, api_key, options)
        self.options = settings.options
        self._http = settings.http()

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
                stop = flow.cancel(job_id, self.options, time.monotonic() + _STOP_SECONDS)
                await asyncio.shield(self._walk(stop))
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
        for medium, path in _places(output, self.SPEC.outputs, folder, prefix):
            await self.save_one(medium, path)
            saved.setdefault(medium.output, []).append(path)
        return saved

    async def save_one(self, medium: Medium, path: Path) -> None:
        """Writes one file.

        Raises:
            MediaBroken: it is another than the worker made, or cannot be fetched; nothing is left of it.
            CannotSave: it cannot be written.
        """
        if medium.url is None:
            await asyncio.to_thread(lambda: write_whole(path, decoded(medium)))
        else:
            await self._http.fetch(medium, medium.url, path)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        await self.aclose()

    async def _submit(self, request: _Input, deadline: float, job: JobOptions | None) -> str:
        sent = await asyncio.to_thread(_sent, request, self.SPEC, self.options)
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
        return await self._http.send(step)


def _deadline(options: Options, timeout_seconds: float | None) -> float:
    return time.monotonic() + (options.call_seconds if timeout_seconds is None else timeout_seconds)


def _sent(request: Mapping[str, object], spec: Spec, options: Options) -> Mapping[str, object]:
    """A request as it is sent, checked before anything is."""
    schema = spec.schema()
    if options.check_input:
        check_input(schema, request)
    if not isinstance(request, Mapping):
        raise InputRefused("a request is a dict with the fields of this endpoint")
    return encoded(request, image_fields(schema), check=options.check_input)


def _places(
    output: Mapping[str, object], specs: tuple[OutputSpec, ...], folder: Path | str, prefix: str
) -> list[tuple[Medium, Path]]:
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotSave(error) from error
    return [(medium, place / f"{prefix}{medium.name()}") for medium in media_in(output, specs)]
