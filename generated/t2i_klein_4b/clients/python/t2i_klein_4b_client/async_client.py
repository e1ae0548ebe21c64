"""The client for asyncio: it executes the steps of `flow`, and downloads media."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar, cast

from . import flow
from .errors import JobFailed
from .flow import OnProgress, Options, Reply, Send, Wait
from .job_options import JobOptions
from .media import Medium, TotalBytes, decoded, media_in, write_whole
from .transport import STOP_SECONDS, Saved, Settings, Spec, deadline_after, media_paths, prepared

_Input = TypeVar("_Input", bound=Mapping[str, object])
_Output = TypeVar("_Output", bound=Mapping[str, object])
# What progress may hold before the answer.
_Files = TypeVar("_Files", bound=Mapping[str, object])
_T = TypeVar("_T")


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
        settings = Settings.of(endpoint, api_key, options)
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
        return await self._submit(request, deadline_after(self.options, None), job)

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
        return await self._result(job_id, on_progress, deadline_after(self.options, timeout_seconds))

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
        deadline = deadline_after(self.options, timeout_seconds)
        job_id = await self._submit(request, deadline, job)
        try:
            return await self._result(job_id, on_progress, deadline)
        except JobFailed:
            raise
        except BaseException:
            with contextlib.suppress(Exception):
                stop = flow.cancel(job_id, self.options, time.monotonic() + STOP_SECONDS)
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
        media = media_in(output, self.SPEC.outputs, self.options.max_files)
        total = TotalBytes(media, self.options.max_total_bytes)
        saved: Saved = {}
        for medium, path in media_paths(media, folder, prefix):
            await self.save_one(medium, path)
            total.count(medium, path)
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
        sent = await asyncio.to_thread(prepared, request, self.SPEC, self.options)
        return await self._execute(flow.submit(sent, self.options, deadline, job))

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
                value: _T = end.value
                return value
            if isinstance(step, Wait):
                await asyncio.sleep(step.seconds)
                reply = Reply()
            else:
                reply = await self._send(step)

    async def _send(self, step: Send) -> Reply:
        return await self._http.send(step)
