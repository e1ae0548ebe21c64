"""Runs one job on ComfyUI: queues the prompt, waits for its end, and downloads, measures and delivers the outputs.

`/history` is authoritative. Events only make the worker poll earlier and report progress; without any event the result
is the same.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.comfyui.client import ComfyUIClient
from comfy2runpod_runtime.comfyui.events import EventStream
from comfy2runpod_runtime.comfyui.failures import failure_error
from comfy2runpod_runtime.comfyui.history import History
from comfy2runpod_runtime.errors import (
    ComfyUIError,
    ComfyUIUnavailable,
    JobCancelled,
    JobFailed,
    JobStalled,
    OutputFault,
    OutputInvalid,
    OutputMissing,
)
from comfy2runpod_runtime.job.collect import Downloads, prepare_results
from comfy2runpod_runtime.job.completion import wait_for_completion
from comfy2runpod_runtime.job.context import JobContext
from comfy2runpod_runtime.job.early_uploader import EarlyUploader
from comfy2runpod_runtime.job.job import Job
from comfy2runpod_runtime.job.progress_reporter import ProgressReporter
from comfy2runpod_runtime.job_states import JobState
from comfy2runpod_runtime.outputs.answer import Result, build_answer
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.prompt import Prompt, ancestors, pruned, title_of

# The time limit for telling ComfyUI to stop: the next job waits meanwhile.
_CANCEL_SECONDS = 10


async def execute_job(job: Job, context: JobContext) -> JsonObject:
    """Runs a job on a ComfyUI that is ready.

    Args:
        job: the job.
        context: its state, settings, ComfyUI and deadline.

    Returns:
        The media part of the answer.

    Raises:
        JobFailed: the job failed; `details` names the outputs that failed, if there are several.
        asyncio.CancelledError: the job was cancelled; ComfyUI was told to stop it.
    """
    client = context.comfyui.client
    with Downloads(client, context.comfyui.download_folder) as downloads:
        uploader = EarlyUploader(job, downloads)
        execution = _Execution(job, context, downloads, uploader)
        try:
            async with asyncio.timeout_at(context.deadline), uploader:
                return await execution.run()
        except TimeoutError:
            await _cancel(client, execution.prompt_id)
            raise context.timeout_error() from None
        except (ComfyUIUnavailable, JobStalled):
            # If only an answer was lost, the prompt may still run, and would keep the GPU from the next job.
            await _cancel(client, execution.prompt_id)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(_cancel(client, execution.prompt_id))
            raise


class _Execution:
    """The state of one running job. With `allow_partial`, outputs that do not depend on a failed node are requeued."""

    def __init__(self, job: Job, context: JobContext, downloads: Downloads, uploader: EarlyUploader) -> None:
        self._job = job
        self._context = context
        self._client = context.comfyui.client
        self._downloads = downloads
        self._uploader = uploader
        self._dependencies = {output.name: ancestors(job.prompt, output.node) for output in job.requested_outputs}
        self._fetched: dict[str, tuple[Path | str, ...]] = {}
        # Results of outputs that were uploaded early: these are measured already.
        self._uploaded: dict[str, tuple[Result, ...]] = {}
        self._failed: dict[str, JobFailed] = {}
        self.prompt_id = job.run.prompt_id

    async def run(self) -> JsonObject:
        job, lifecycle = self._job, self._context.lifecycle
        # Once its files are here, ComfyUI's end is no loss.
        async with self._context.comfyui.lost_when_it_ends(), self._client.events() as events:
            while remaining := [
                output for output in job.requested_outputs if output.name not in {*self._fetched, *self._failed}
            ]:
                await self._run_prompt(remaining, events)
                # ComfyUI keeps one history entry per id, so a requeued prompt gets a new one.
                self.prompt_id = str(uuid.uuid4())
        lifecycle.transition_to(JobState.COLLECTED)
        results: list[Result] = []
        for output in job.requested_outputs:
            try:
                results += self._uploaded.get(output.name) or await prepare_results(
                    output, self._fetched.get(output.name, ()), job.options
                )
            except OutputInvalid as error:
                self._fail([output], error)
        if not results:
            raise next(iter(self._failed.values()))
        lifecycle.sizes.update({result.output.name: result.size for result in results})
        lifecycle.transition_to(JobState.MEASURED)
        parts = await job.delivery.deliver(results, job.run.prompt_id)
        return build_answer(job.outputs, parts, self._failed)

    async def _run_prompt(self, remaining: list[Output], events: EventStream) -> None:
        """Runs the part of the prompt that the remaining outputs depend on.

        Afterwards each output is fetched or failed, or remains for another run.
        """
        job, lifecycle = self._job, self._context.lifecycle
        prompt = job.prompt
        if lifecycle.state is JobState.RAN:
            lifecycle.transition_to(JobState.READY)
        if len(remaining) < len(job.outputs):
            prompt = pruned(prompt, [output.node for output in remaining])
        try:
            await _queue(prompt, self.prompt_id, self._client, events.client_id)
        except ComfyUIError as error:
            self._fail(remaining, error, error.nodes)
            return
        lifecycle.transition_to(JobState.QUEUED)
        reporter = ProgressReporter(prompt, self._context, self._dependencies, {*self._fetched}, self._uploader)
        history = await wait_for_completion(self.prompt_id, events, reporter, self._context)
        lifecycle.mark_running()
        lifecycle.transition_to(JobState.RAN)
        if history.interrupted:
            raise JobCancelled("ComfyUI was interrupted.")
        if not history.succeeded:
            # Files that were saved before the node failed are complete.
            if len(job.requested_outputs) > 1 and job.options.allow_partial:
                for output in remaining:
                    if output.is_saved(history):
                        await self._fetch(output, history)
            nodes = () if history.failure is None else (history.failure.node_id,)
            unsaved = [output for output in remaining if output.name not in self._fetched]
            self._fail(unsaved, failure_error(prompt, history.failure), nodes)
            return
        for output in remaining:
            await self._fetch(output, history)

    async def _fetch(self, output: Output, history: History) -> None:
        uploaded = await self._uploader.results(output, history)
        if uploaded is not None:
            self._uploaded[output.name], self._fetched[output.name] = uploaded, ()
            return
        try:
            title = title_of(self._job.prompt, output.node)
            self._fetched[output.name] = await self._downloads.fetch(output, history, title)
        except OutputMissing as error:
            self._fail([output], error)

    def _fail(self, remaining: list[Output], error: JobFailed, nodes: Iterable[str] = ()) -> None:
        """Records which outputs failed: those that depend on one of the nodes, or all if no node is known."""
        # A node that was expanded at run time (`7.0.0.3`) belongs to the node before the first dot.
        failed_nodes = {node.split(".", maxsplit=1)[0] for node in nodes}
        failed = [output for output in remaining if failed_nodes & self._dependencies[output.name]] or remaining
        if len(self._job.requested_outputs) == 1:
            raise error
        if not self._job.options.allow_partial:
            names = ", ".join(output.name for output in failed)
            faults = [OutputFault(output.name, error.message) for output in failed]
            raise type(error)(f"{error.message.rstrip('.')}. Outputs that failed: {names}.", faults)
        self._failed.update({output.name: error for output in failed})


async def _queue(prompt: Prompt, prompt_id: str, client: ComfyUIClient, client_id: str) -> None:
    request = asyncio.create_task(client.queue(prompt, prompt_id, client_id))
    try:
        await asyncio.shield(request)
    except asyncio.CancelledError:
        # Waits for the request: a prompt that arrived after the interrupt would run without a caller.
        with suppress(JobFailed, TimeoutError):
            await asyncio.wait_for(request, _CANCEL_SECONDS)
        raise


async def _cancel(client: ComfyUIClient, prompt_id: str) -> None:
    """Tells ComfyUI to stop the prompt. If it does not answer, the original error is still the one to report."""
    with suppress(ComfyUIUnavailable, TimeoutError):
        async with asyncio.timeout(_CANCEL_SECONDS):
            await client.cancel(prompt_id)
