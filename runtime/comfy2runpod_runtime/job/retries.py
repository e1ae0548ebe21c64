"""Runs a job, and retries it once if that can help and nothing was delivered.

A retry helps if ComfyUI ended or lost the job, or if the GPU ran out of memory that can be freed. In every case
ComfyUI is afterwards free of the job, or was stopped, or the worker is marked unusable.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.errors import ComfyUILost, ComfyUIUnavailable, JobFailed, JobStalled, JobTimeout, OutOfMemory
from comfy2runpod_runtime.job.context import JobContext
from comfy2runpod_runtime.job.execute import execute_job
from comfy2runpod_runtime.job.job import Job
from comfy2runpod_runtime.job_states import JobState

log = logging.getLogger(__name__)

_ATTEMPTS = 2
# ComfyUI frees memory between two prompts, on its own thread, shortly after the request.
FREE_SECONDS = 0.5


async def execute_with_retry(
    job: Job, context: JobContext, upload_inputs: Callable[[], Awaitable[None]]
) -> tuple[Job, JsonObject]:
    """Runs a job on a ComfyUI that is ready, and once more if that can help.

    Args:
        job: the job.
        context: its state, which is READY; its deadline holds for both attempts together.
        upload_inputs: uploads the job's input files to ComfyUI; called before each attempt.

    Returns:
        The job with the prompt id of the last attempt, and the media part of the answer.

    Raises:
        JobFailed: the last attempt failed.
        asyncio.CancelledError: the job was cancelled; ComfyUI was told to stop it.
    """
    comfyui, lifecycle = context.comfyui, context.lifecycle
    for attempt in range(1, _ATTEMPTS + 1):
        if attempt > 1:
            lifecycle.restart()
            async with context.time_limit():
                await comfyui.wait_until_ready()
            lifecycle.transition_to(JobState.READY)
        try:
            async with context.time_limit():
                await upload_inputs()
            media = await execute_job(job, context)
        except (JobTimeout, JobStalled, ComfyUIUnavailable) as error:
            await comfyui.release(job.run.prompt_id)
            # Our own ComfyUI was restarted by then. With another's, only a lost job is worth a retry.
            if attempt == _ATTEMPTS or not (isinstance(error, ComfyUILost) or not comfyui.alive) or _is_final(error):
                raise
            reason: JobFailed = error
        except OutOfMemory as error:
            if attempt == _ATTEMPTS:
                comfyui.fatal_error = error.message
                raise
            with suppress(ComfyUIUnavailable):
                await comfyui.client.free()
            await asyncio.sleep(FREE_SECONDS)
            reason = error
        except asyncio.CancelledError:
            await asyncio.shield(comfyui.release(job.run.prompt_id))
            raise
        else:
            return job, media
        log.warning("retrying the job after %s: %s", reason.code, reason.message)
        # ComfyUI keeps the history of a prompt by its id, so a retry needs a new one.
        lifecycle.prompt_id = str(uuid.uuid4())
        job = replace(job, run=replace(job.run, prompt_id=lifecycle.prompt_id))
    raise AssertionError("the last attempt returns or raises")


def _is_final(error: JobFailed) -> bool:
    """Whether the job itself caused the error: a retry would take as long again."""
    return isinstance(error, JobTimeout | JobStalled)
