"""Uploads files before their job ends: as soon as their node has saved them. Progress updates contain the URLs.

The events that trigger an upload are not authoritative: the history decides whether an uploaded file is a result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.comfyui.events import NodeSaved
from comfy2runpod_runtime.comfyui.history import History, saved_files
from comfy2runpod_runtime.errors import JobFailed
from comfy2runpod_runtime.job.collect import Downloads, prepare_results
from comfy2runpod_runtime.job.job import Job
from comfy2runpod_runtime.outputs.answer import Result
from comfy2runpod_runtime.outputs.base import Output


class EarlyUploader:
    """The early uploads of one job. It does nothing unless several outputs are delivered by URL.

    Uploads that still run when the context ends are cancelled.

    Args:
        job: the job.
        downloads: downloads the files from ComfyUI.
    """

    def __init__(self, job: Job, downloads: Downloads) -> None:
        outputs = job.requested_outputs
        enabled = job.delivery.uploads_early and len(outputs) > 1
        self._outputs = {output.node: output for output in outputs if enabled and output.is_file}
        self._job = job
        self._downloads = downloads
        self._uploads: dict[str, tuple[History, asyncio.Task[tuple[Result, ...]]]] = {}
        self._uploaded: dict[str, Json] = {}

    @property
    def uploaded(self) -> JsonObject:
        """The files that are uploaded so far, by output, in the form of the answer."""
        return {**self._uploaded}

    def handle_saved(self, event: NodeSaved, on_upload: Callable[[], None]) -> None:
        """Starts to upload the files that a node has saved.

        Args:
            event: names the node and its files.
            on_upload: called when the upload is done.
        """
        output = self._outputs.get(event.node_id)
        if output is None or output.name in self._uploads or event.output is None:
            return
        saved = History(
            succeeded=True,
            interrupted=False,
            failure=None,
            files={event.node_id: saved_files(event.output)},
            texts={},
        )
        self._uploads[output.name] = (saved, asyncio.create_task(self._upload(output, saved, on_upload)))

    async def results(self, output: Output, history: History) -> tuple[Result, ...] | None:
        """Returns the results of an output that was uploaded early.

        Args:
            output: the output.
            history: the finished prompt.

        Returns:
            The results; None if the output was not uploaded early, the upload failed, or the history has other files.
        """
        if output.name not in self._uploads:
            return None
        saved, upload = self._uploads[output.name]
        try:
            results = await upload
        except JobFailed:
            # The normal delivery tries again, and reports the error.
            return None
        return results if saved.files == {output.node: history.files.get(output.node, ())} else None

    async def __aenter__(self) -> EarlyUploader:
        """Returns the uploader."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancels the uploads that still run."""
        tasks = [task for _, task in self._uploads.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _upload(self, output: Output, saved: History, on_upload: Callable[[], None]) -> tuple[Result, ...]:
        job = self._job
        fetched = await self._downloads.fetch(output, saved, output.name)
        results = await prepare_results(output, fetched, job.options)
        parts = [part.fields for part in await job.delivery.upload_early(results, job.run.prompt_id)]
        self._uploaded[output.name] = [*parts] if output.many else parts[0]
        on_upload()
        return results
