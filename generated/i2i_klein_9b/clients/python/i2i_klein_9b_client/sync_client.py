"""The client for callers that are not async: it executes the steps of `flow` on a thread, and downloads media."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar, cast

from . import flow
from .errors import JobFailed
from .flow import OnProgress, Options, Reply, Send, Wait
from .job_options import JobOptions
from .loop import LoopThread
from .media import Medium, TotalBytes, decoded, media_in, write_whole
from .transport import STOP_SECONDS, Saved, Settings, Spec, deadline_after, media_paths, prepared

_Input = TypeVar("_Input", bound=Mapping[str, object])
_Output = TypeVar("_Output", bound=Mapping[str, object])
# What progress may hold before the answer.
_Files = TypeVar("_Files", bound=Mapping[str, object])
_T = TypeVar("_T")


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
        settings = Settings.of(endpoint, api_key, options)
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
        return self._submit(request, deadline_after(self.options, None), job)

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
        return self._result(job_id, on_progress, deadline_after(self.options, timeout_seconds))

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
        deadline = deadline_after(self.options, timeout_seconds)
        job_id = self._submit(request, deadline, job)
        try:
            return self._result(job_id, on_progress, deadline)
        except JobFailed:
            raise
        except BaseException:
            with contextlib.suppress(Exception):
                self._execute(flow.cancel(job_id, self.options, time.monotonic() + STOP_SECONDS))
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
            MediaBroken: a file is not the one that the worker made, or cannot be downloaded; no part of it is left. Or
                the files are too many or too large (`Options`), or two have the same name: that is found first.
            CannotSave: a file cannot be written.
        """
        media = media_in(output, self.SPEC.outputs, self.options.max_files)
        total = TotalBytes(media, self.options.max_total_bytes)
        saved: Saved = {}
        for medium, path in media_paths(media, folder, prefix):
            if medium.url is None:
                write_whole(path, decoded(medium))
            else:
                self._fetch(medium, medium.url, path)
            total.count(medium, path)
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
        return self._execute(flow.submit(prepared(request, self.SPEC, self.options), self.options, deadline, job))

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
                value: _T = end.value
                return value
            if isinstance(step, Wait):
                time.sleep(step.seconds)
                reply = Reply()
            else:
                reply = self._send(step)

    def _send(self, step: Send) -> Reply:
        return self._thread.call(lambda http: http.send(step))

    def _fetch(self, medium: Medium, url: str, path: Path) -> None:
        self._thread.call(lambda http: http.fetch(medium, url, path))
