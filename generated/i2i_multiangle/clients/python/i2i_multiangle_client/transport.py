"""The sync and the async client: they execute the steps of `flow`, and download media."""

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
from .file_fields import encoded
from .flow import OnProgress, Options, Reply, Send, Wait
from .http import Http
from .job_options import JobOptions
from .loop import LoopThread
from .media import Medium, OutputSpec, decoded, media_in, write_whole

_Input = TypeVar("_Input", bound=Mapping[str, object])
_Output = TypeVar("_Output", bound=Mapping[str, object])
# What progress may hold before the answer.
_Files = TypeVar("_Files", bound=Mapping[str, object])
_T = TypeVar("_T")

# The files of an answer, by the output's name.
Saved: TypeAlias = dict[str, list[Path]]

# How long an interrupted call waits until its job is cancelled.
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Spec:
    """What a client knows about its package."""

    # The JSON Schema of an input.
    schema: Callable[[], Mapping[str, object]]
    outputs: tuple[OutputSpec, ...]
    # What every output contains; one without these is incomplete.
    keys: tuple[str, ...]


@dataclass(frozen=True)
class _Settings:
    """The endpoint, API key and options of a client."""

    url: str
    api_key: str = field(repr=False)
    options: Options

    @classmethod
    def of(cls, endpoint: str | None, api_key: str | None, options: Options | None) -> _Settings:
        return cls(endpoint_url(endpoint), api_key_of(api_key), options or Options())

    def http(self) -> Http:
        return Http(self.url, self.api_key, self.options)


class SyncClient(Generic[_Input, _Output, _Files]):
    """The client of an endpoint. It is thread-safe. Close it, or use it in a `with` statement.

    Args:
        endpoint: the id of a RunPod endpoint, or the URL of another one; by default RUNPOD_ENDPOINT_ID.
        api_key: the API key; by default RUNPOD_API_KEY.
        options: time and size limits.

    Raises:
        NotConfigured: the endpoint or the API key is missing or invalid.
    """

    SPEC: ClassVar[Spec]

    def __init__(self, endpoint: str | None = None, api_key: str | None = None, options: Options | None = None) -> None:
        settings = _Settings.of(endpoint, api_key, options)
        self.options = settings.options
        self._thread = LoopThread(settings.http)

    def submit(self, request: _Input, *, job: JobOptions | None = None) -> str:
        """Queues a job.

        Args:
            request: the job's input.
            job: options of this job.

        Returns:
            The job's id.

        Raises:
            InvalidInput: the input does not fit the package's schema.
            SubmissionUnknown: the answer was lost; the job may be queued.
            CallError: the request failed.
        """
        return self._submit(request, _deadline(self.options, None), job)

    def result(
        self,
        job_id: str,
        *,
        on_progress: OnProgress[_Files] | None = None,
        timeout_seconds: float | None = None,
    ) -> _Output:
        """Waits for the result of a job.

        Args:
            job_id: the job.
            on_progress: called with each progress update.
            timeout_seconds: how long to wait; by default `Options.call_seconds`.

        Returns:
            The job's output.

        Raises:
            JobFailed: the job failed.
            CallTimeout: the job has not ended in time. It is not cancelled.
            CallError: a request failed.
        """
        return self._result(job_id, on_progress, _deadline(self.options, timeout_seconds))

    def run(
        self,
        request: _Input,
        *,
        on_progress: OnProgress[_Files] | None = None,
        timeout_seconds: float | None = None,
        job: JobOptions | None = None,
    ) -> _Output:
        """Queues a job and waits for its result. If waiting is interrupted or times out, the job is cancelled.

        Args:
            request: the job's input.
            on_progress: called with each progress update.
            timeout_seconds: the limit for the whole call; by default `Options.call_seconds`.
            job: options of this job.

        Returns:
            The job's output.

        Raises:
            InvalidInput: the input does not fit the package's schema.
            JobFailed: the job failed.
            CallTimeout: the job has not ended in time.
            CallError: a request failed.
        """
        deadline = _deadline(self.options, timeout_seconds)
        job_id = self._submit(request, deadline, job)
        try:
            return self._result(job_id, on_progress, deadline)
        except JobFailed:
            raise
        except BaseException:
            with contextlib.suppress(Exception):
                self._execute(flow.cancel(job_id, self.options, time.monotonic() + _STOP_SECONDS))
            raise

    def status(self, job_id: str) -> dict[str, object]:
        """Returns the state of a job, as RunPod's /status reports it."""
        return self._execute(flow.get_status(job_id, self.options))

    def cancel(self, job_id: str) -> None:
        """Cancels a job."""
        self._execute(flow.cancel(job_id, self.options))

    def save(self, output: _Output | _Files, folder: Path | str, prefix: str = "") -> Saved:
        """Writes the media of an output to a folder, after checking their size and sha256.

        Args:
            output: an output, or the `files` of a progress update.
            folder: where to write; created if it does not exist.
            prefix: what the file names begin with.

        Returns:
            The written files, by output.

        Raises:
            MediaBroken: a file is not the one that the worker made, or cannot be downloaded; no part of it is left.
            CannotSave: a file cannot be written.
        """
        saved: Saved = {}
        for medium, path in _paths(output, self.SPEC.outputs, folder, prefix):
            if medium.url is None:
                write_whole(path, decoded(medium))
            else:
                self._fetch(medium, medium.url, path)
            saved.setdefault(medium.output, []).append(path)
        return saved

    def close(self) -> None:
        """Closes the connections."""
        self._thread.close()

    def __enter__(self) -> Self:
        """Returns the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections."""
        self.close()

    def _submit(self, request: _Input, deadline: float, job: JobOptions | None) -> str:
        return self._execute(flow.submit(_prepare(request, self.SPEC, self.options), self.options, deadline, job))

    def _result(self, job_id: str, on_progress: OnProgress[_Files] | None, deadline: float) -> _Output:
        report = cast("OnProgress[Mapping[str, object]] | None", on_progress)
        answer = self._execute(flow.result(job_id, self.options, self.SPEC.keys, report, deadline))
        return cast("_Output", answer)

    def _execute(self, steps: Generator[Send | Wait, Reply, _T]) -> _T:
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
        return self._thread.call(lambda http: http.send(step))

    def _fetch(self, medium: Medium, url: str, path: Path) -> None:
        self._thread.call(lambda http: http.fetch(medium, url, path))


class AsyncClient(Generic[_Input, _Output, _Files]):
    """The client of an endpoint for asyncio. Close it with `aclose`, or use it in an `async with` statement.

    Args:
        endpoint: as of SyncClient, like the other arguments.
        api_key: the API key.
        options: time and size limits.

    Raises:
        NotConfigured: the endpoint or the API key is missing or invalid.
    """

    SPEC: ClassVar[Spec]

    def __init__(self, endpoint: str | None = None, api_key: str | None = None, options: Options | None = None) -> None:
        settings = _Settings.of(endpoint, api_key, options)
        self.options = settings.options
        self._http = settings.http()

    async def submit(self, request: _Input, *, job: JobOptions | None = None) -> str:
        """Queues a job.

        Args:
            request: the job's input.
            job: options of this job.

        Returns:
            The job's id.

        Raises:
            InvalidInput: the input does not fit the package's schema.
            SubmissionUnknown: the answer was lost; the job may be queued.
            CallError: the request failed.
        """
        return await self._submit(request, _deadline(self.options, None), job)

    async def result(
        self,
        job_id: str,
        *,
        on_progress: OnProgress[_Files] | None = None,
        timeout_seconds: float | None = None,
    ) -> _Output:
        """Waits for the result of a job.

        Args:
            job_id: the job.
            on_progress: called with each progress update.
            timeout_seconds: how long to wait; by default `Options.call_seconds`.

        Returns:
            The job's output.

        Raises:
            JobFailed: the job failed.
            CallTimeout: the job has not ended in time. It is not cancelled.
            CallError: a request failed.
        """
        return await self._result(job_id, on_progress, _deadline(self.options, timeout_seconds))

    async def run(
        self,
        request: _Input,
        *,
        on_progress: OnProgress[_Files] | None = None,
        timeout_seconds: float | None = None,
        job: JobOptions | None = None,
    ) -> _Output:
        """Queues a job and waits for its result. If waiting is interrupted or times out, the job is cancelled.

        Args:
            request: the job's input.
            on_progress: called with each progress update.
            timeout_seconds: the limit for the whole call; by default `Options.call_seconds`.
            job: options of this job.

        Returns:
            The job's output.

        Raises:
            InvalidInput: the input does not fit the package's schema.
            JobFailed: the job failed.
            CallTimeout: the job has not ended in time.
            CallError: a request failed.
        """
        deadline = _deadline(self.options, timeout_seconds)
        job_id = await self._submit(request, deadline, job)
        try:
            return await self._result(job_id, on_progress, deadline)
        except JobFailed:
            raise
        except BaseException:
            with contextlib.suppress(Exception):
                stop = flow.cancel(job_id, self.options, time.monotonic() + _STOP_SECONDS)
                await asyncio.shield(self._execute(stop))
            raise

    async def status(self, job_id: str) -> dict[str, object]:
        """Returns the state of a job, as RunPod's /status reports it."""
        return await self._execute(flow.get_status(job_id, self.options))

    async def cancel(self, job_id: str) -> None:
        """Cancels a job."""
        await self._execute(flow.cancel(job_id, self.options))

    async def save(self, output: _Output | _Files, folder: Path | str, prefix: str = "") -> Saved:
        """Writes the media of an output to a folder, as SyncClient.save does."""
        saved: Saved = {}
        for medium, path in _paths(output, self.SPEC.outputs, folder, prefix):
            await self.save_one(medium, path)
            saved.setdefault(medium.output, []).append(path)
        return saved

    async def save_one(self, medium: Medium, path: Path) -> None:
        """Writes one file, after checking its size and sha256.

        Raises:
            MediaBroken: the file is not the one that the worker made, or cannot be downloaded; no part of it is left.
            CannotSave: the file cannot be written.
        """
        if medium.url is None:
            await asyncio.to_thread(lambda: write_whole(path, decoded(medium)))
        else:
            await self._http.fetch(medium, medium.url, path)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        """Returns the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the connections."""
        await self.aclose()

    async def _submit(self, request: _Input, deadline: float, job: JobOptions | None) -> str:
        prepared = await asyncio.to_thread(_prepare, request, self.SPEC, self.options)
        return await self._execute(flow.submit(prepared, self.options, deadline, job))

    async def _result(self, job_id: str, on_progress: OnProgress[_Files] | None, deadline: float) -> _Output:
        report = cast("OnProgress[Mapping[str, object]] | None", on_progress)
        answer = await self._execute(flow.result(job_id, self.options, self.SPEC.keys, report, deadline))
        return cast("_Output", answer)

    async def _execute(self, steps: Generator[Send | Wait, Reply, _T]) -> _T:
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


def _prepare(request: Mapping[str, object], spec: Spec, options: Options) -> Mapping[str, object]:
    """Checks a request, and encodes its files."""
    schema = spec.schema()
    if options.check_input:
        check_input(schema, request)
    if not isinstance(request, Mapping):
        raise InputRefused("a request must be a dict with the fields of this endpoint")
    return encoded(request, schema, check=options.check_input)


def _paths(
    output: Mapping[str, object], specs: tuple[OutputSpec, ...], folder: Path | str, prefix: str
) -> list[tuple[Medium, Path]]:
    directory = Path(folder)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotSave(error) from error
    return [(medium, directory / f"{prefix}{medium.name()}") for medium in media_in(output, specs)]
