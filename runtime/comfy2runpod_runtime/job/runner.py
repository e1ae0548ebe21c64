"""Runs the jobs of one package: from RunPod's raw job to the answer."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

from pydantic import BaseModel

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.comfyui.failures import disk_full
from comfy2runpod_runtime.comfyui.supervisor import ComfyUISupervisor
from comfy2runpod_runtime.delivery.job_delivery import DeliveryFactory, JobDelivery
from comfy2runpod_runtime.errors import ComfyUIBusy, InternalError, InvalidInput, JobCancelled, JobFailed
from comfy2runpod_runtime.inputs.decoder_pool import DecoderPool
from comfy2runpod_runtime.inputs.fetch import FetchPolicy
from comfy2runpod_runtime.inputs.kinds import KINDS
from comfy2runpod_runtime.inputs.media_inputs import MediaInputLimits, load_media
from comfy2runpod_runtime.inputs.request_options import ImageOptions, RequestOptions, resolve_options
from comfy2runpod_runtime.inputs.validate import validate_request
from comfy2runpod_runtime.job.context import JobContext
from comfy2runpod_runtime.job.input_files import InputFiles, job_folder
from comfy2runpod_runtime.job.job import Job
from comfy2runpod_runtime.job.memory_watchdog import MemoryWatchdog
from comfy2runpod_runtime.job.progress_sender import ProgressSender
from comfy2runpod_runtime.job.redelivery import RawJob
from comfy2runpod_runtime.job.retries import FREE_SECONDS, execute_with_retry
from comfy2runpod_runtime.job_states import JobLifecycle, JobState
from comfy2runpod_runtime.operations import memory
from comfy2runpod_runtime.operations.failure_reports import Diagnostics, FailureReports
from comfy2runpod_runtime.operations.logs import job_logging, log_fields
from comfy2runpod_runtime.operations.redaction import Redactor
from comfy2runpod_runtime.package import Package
from comfy2runpod_runtime.prompt import Run
from comfy2runpod_runtime.settings import Settings

# Not the module's name: these lines are about the worker's jobs.
log = logging.getLogger("comfy2runpod")

_INTERNAL_ERROR = "The worker failed because of an internal error; its log has more."

Request = TypeVar("Request", bound=BaseModel)


class JobRunner(Generic[Request]):
    """Runs jobs, one at a time on the GPU.

    Args:
        package: the package.
        settings: the worker's settings.
        comfyui: the worker's ComfyUI.

    Attributes:
        on_progress: called with `{"state": …}` at each state that a job reaches, and with each progress update.
    """

    def __init__(self, package: Package[Request], settings: Settings, comfyui: ComfyUISupervisor) -> None:
        self._package = package
        self._settings = settings
        self._comfyui = comfyui
        self._deliveries = DeliveryFactory(settings)
        # ComfyUI's input folder, if it can be reached by the file system.
        self._input_dir = comfyui.process.inputs if comfyui.process is not None else settings.comfyui_input_dir
        self._input_limits = MediaInputLimits(
            settings.max_input_bytes,
            FetchPolicy(
                settings.fetch_timeout_seconds, settings.fetch_allow_http, settings.fetch_allow_private_addresses
            ),
        )
        # A pool starts no process before the first request with a file of its kind.
        self._decoders = tuple(DecoderPool(one.kind, settings.decode_limits(one.kind)) for one in KINDS)
        self._failure_reports = (
            None
            if settings.report_dir is None
            else FailureReports(settings.report_dir, settings.report_files, settings.report_bytes)
        )
        self._redact = Redactor(os.environ)
        self._memory = MemoryWatchdog(settings.watched_memory_share(), memory.host_memory)
        self._active: list[JobLifecycle] = []
        self.on_progress: Callable[[JsonObject], None] | None = None
        # ComfyUI runs one prompt at a time on the GPU.
        self._gpu = asyncio.Lock()

    def active_jobs(self) -> list[JsonObject]:
        """Returns the running jobs, each with its state and how long it has been in it."""
        return [lifecycle.to_json() for lifecycle in self._active]

    async def check_memory(self) -> str | None:
        """Returns why the worker has to be replaced for want of memory; None if it need not. Between jobs only."""
        return None if self._active else await self._memory.check(self._free)

    async def _free(self) -> None:
        client = await self._comfyui.connect()
        await client.free()
        await asyncio.sleep(FREE_SECONDS)

    def close(self) -> None:
        """Ends the decoder processes that are kept in reserve."""
        for pool in self._decoders:
            pool.close()

    async def run(self, job: RawJob, *, internal: bool = False) -> JsonObject:
        """Runs one job.

        Args:
            job: the job as RunPod delivers it.
            internal: whether it is the worker's own job, such as the warm-up: no progress updates, no uploads.

        Returns:
            The answer; of a failed job, with `error`.

        Raises:
            asyncio.CancelledError: the job was cancelled.
        """
        lifecycle = JobLifecycle(str(job.get("id", "")), str(uuid.uuid4()))
        # A retry changes the prompt id, but not the folder.
        folder = job_folder(lifecycle.prompt_id)
        if (on_progress := self.on_progress) is not None:
            lifecycle.on_change = lambda state: on_progress({"state": state.value})
        with job_logging(lifecycle):
            self._active.append(lifecycle)
            try:
                answer = await self._run(job, lifecycle, internal=internal)
                _end(lifecycle, JobState.DELIVERED, "done")
            except JobFailed as error:
                return await self._fail(lifecycle, error)
            except OSError as error:
                log.exception("the job failed because of an operating system error")
                return await self._fail(lifecycle, disk_full(error) or _internal_error(error))
            except asyncio.CancelledError:
                _end(lifecycle, JobState.CANCELLED, "cancelled")
                raise
            except Exception as error:
                # The SDK would post a traceback to the caller, and it contains paths.
                log.exception("internal error")
                return await self._fail(lifecycle, _internal_error(error))
            finally:
                self._remove_files(folder)
                self._active.remove(lifecycle)
            return answer

    async def _run(self, raw: RawJob, lifecycle: JobLifecycle, *, internal: bool) -> JsonObject:
        settings = self._settings
        progress = ProgressSender(raw, muted=internal, listener=self.on_progress)
        deadline = asyncio.get_running_loop().time() + settings.job_timeout_seconds
        context = JobContext(lifecycle, settings, self._comfyui, progress.send, deadline)
        request = validate_request(self._package.request, raw.get("input"))
        defaults = ImageOptions(format=settings.output_format, quality=settings.output_quality)
        names, keep = [output.name for output in self._package.outputs], settings.output_metadata == "keep"
        options = resolve_options(request, names, defaults, keep_metadata=keep)
        async with context.time_limit():
            delivery = await self._deliveries.for_job(raw, "inline" if internal else options.delivery)
        async with delivery:
            lifecycle.transition_to(JobState.VALIDATED)
            try:
                answer = await self._execute(request, options, delivery, context)
            except JobFailed:
                await progress.drain()
                raise
            await progress.drain()
            if "failed" in answer:
                answer["failed"] = self._redact.json(answer["failed"])
            if options.timings:
                answer["timings"] = {**lifecycle.timings}
            return self._package.validate_answer(answer)

    async def _execute(
        self, request: Request, options: RequestOptions, delivery: JobDelivery, context: JobContext
    ) -> JsonObject:
        lifecycle, package = context.lifecycle, self._package
        async with context.time_limit():
            media = await load_media(request, self._input_limits, self._decoders)
        lifecycle.transition_to(JobState.FETCHED)
        files = InputFiles(lifecycle.prompt_id, media)
        run = Run(lifecycle.prompt_id, package.draw_seeds(request), files.paths)
        prompt = package.template.copy()
        package.patch(prompt, request, run)
        lifecycle.prompt = prompt
        job = Job(prompt, run, package.outputs, options, delivery)
        async with self._gpu_turn(context):
            client = self._comfyui.client
            try:
                job, results = await execute_with_retry(job, context, lambda: files.upload(client))
            finally:
                if self._input_dir is None:
                    await files.overwrite(client)
        return {**results, **run.seeds, "prompt_id": job.run.prompt_id}

    @asynccontextmanager
    async def _gpu_turn(self, context: JobContext) -> AsyncIterator[None]:
        """Waits for the job's turn on the GPU, and for ComfyUI to be ready.

        Raises:
            ComfyUIBusy: another job has the GPU, and CONCURRENT_JOBS is `refuse`.
            ComfyUIUnavailable: ComfyUI does not start or answer.
            JobTimeout: the deadline has passed.
        """
        if self._settings.concurrent_jobs == "refuse" and self._gpu.locked():
            raise ComfyUIBusy("Another job has this worker's GPU; send the job again later.")
        async with context.time_limit():
            await self._gpu.acquire()
        try:
            self._comfyui.current_job = context.lifecycle
            async with context.time_limit():
                await self._comfyui.connect()
                context.lifecycle.simulator_version = await self._comfyui.wait_until_ready()
            context.lifecycle.transition_to(JobState.READY)
            yield
        finally:
            self._comfyui.current_job = None
            self._gpu.release()

    async def _fail(self, lifecycle: JobLifecycle, error: JobFailed) -> JsonObject:
        state = JobState.CANCELLED if isinstance(error, JobCancelled) else JobState.FAILED
        _end(lifecycle, state, error.code, error.message)
        if self._failure_reports is not None and not isinstance(error, InvalidInput | JobCancelled):
            stats, process = self._comfyui.stats, self._comfyui.process
            diagnostics = Diagnostics(
                prompt=lifecycle.prompt,
                comfyui_version=None if stats is None else stats.comfyui_version,
                comfyui_log=() if process is None else process.last_lines,
            )
            await self._failure_reports.write(lifecycle, error, diagnostics)
        # What ComfyUI and libraries said may hold a secret. RunPod wants a text under `error`, so the text is JSON.
        return {"error": json.dumps(self._redact.json(error.to_json()), ensure_ascii=False)}

    def _remove_files(self, folder: str) -> None:
        """Removes the job's folder from ComfyUI's input and output folders, as far as the file system reaches them."""
        process = self._comfyui.process
        for root in (self._input_dir, None if process is None else process.outputs):
            if root is not None:
                shutil.rmtree(root / folder, ignore_errors=True)


def _end(lifecycle: JobLifecycle, state: JobState, result: str, message: str | None = None) -> None:
    """Records how a job ended, and writes its last log line, with the timings."""
    last_state = lifecycle.state
    lifecycle.transition_to(state)
    text = f"{result} in {lifecycle.seconds:.3f} s"
    if state is not JobState.DELIVERED:
        text += f", {last_state}" + (f": {message}" if message is not None else "")
    level = logging.INFO if state is JobState.DELIVERED else logging.WARNING
    log.log(level, "%s", text, extra=log_fields(result=result, **lifecycle.summary()))


def _internal_error(error: Exception) -> InternalError:
    internal = InternalError(_INTERNAL_ERROR)
    internal.__cause__ = error
    return internal
