"""A job's runs: one, and a second where it can help and nothing was delivered.

A second run helps when ComfyUI died or forgot the job, and when the GPU's memory was short and can be freed. Whatever
the end, ComfyUI is free of the job afterwards, or ended, or the worker is known to be unfit.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.comfyui.client import ComfyUIClient
from comfy2runpod_runtime.comfyui.keeper import Keeper
from comfy2runpod_runtime.errors import ComfyUILost, ComfyUIUnavailable, JobError, JobStalled, JobTimeout, OutOfMemory
from comfy2runpod_runtime.job.event_progress import Progress
from comfy2runpod_runtime.job.job import Job, run_job
from comfy2runpod_runtime.job.job_states import Life, State
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)

_RUNS = 2
# ComfyUI frees memory between two prompts, on its own thread, a moment after it was told.
_FREE_SECONDS = 0.5


async def run_attempts(
    job: Job,
    client: ComfyUIClient,
    keeper: Keeper,
    settings: Settings,
    progress: Progress,
    life: Life,
    deadline: float,
    prepare: Callable[[], Awaitable[None]],
) -> tuple[Job, JsonObject]:
    """Runs a job on a ComfyUI that is ready, and once more if that can help.

    `prepare` brings its input files to ComfyUI before each run. The job's life is at `ready`; `deadline` is by the
    loop's clock, and holds for both runs.

    Returns:
        The job as it ran, under the id of its last run, and the media part of the answer.

    Raises:
        JobError: whatever went wrong, with its code.
        asyncio.CancelledError: the job was cancelled; ComfyUI has been told.
    """
    limit = settings.job_timeout_seconds
    for number in range(1, _RUNS + 1):
        if number > 1:
            life.again()
            async with life.until(deadline, limit):
                await keeper.ready(client)
            life.reach(State.READY)
        try:
            async with life.until(deadline, limit):
                await prepare()
            media = await run_job(job, client, keeper.folder, settings, progress, life, lambda: keeper.alive, deadline)
        except (JobTimeout, JobStalled, ComfyUIUnavailable) as error:
            await _freed(job, client, keeper)
            # Our own is started anew by then; of another's, only one that forgot the job is worth a second try.
            if number == _RUNS or not (isinstance(error, ComfyUILost) or not keeper.alive) or _final(error):
                raise
            reason: JobError = error
        except OutOfMemory as error:
            if number == _RUNS:
                keeper.unfit = error.message
                raise
            with suppress(ComfyUIUnavailable):
                await client.free()
            await asyncio.sleep(_FREE_SECONDS)
            reason = error
        except asyncio.CancelledError:
            await asyncio.shield(_freed(job, client, keeper))
            raise
        else:
            return job, media
        log.warning("run once more after %s: %s", reason.code, reason.message)
        # ComfyUI remembers a prompt by its id, and how it ended.
        life.prompt_id = str(uuid.uuid4())
        job = replace(job, run=replace(job.run, prompt_id=life.prompt_id))
    raise AssertionError("the last run returns or raises")


def _final(error: JobError) -> bool:
    """Whether the job itself is at fault: it would only take as long again."""
    return isinstance(error, JobTimeout | JobStalled)


async def _freed(job: Job, client: ComfyUIClient, keeper: Keeper) -> None:
    await keeper.free_of(client, job.run.prompt_id)
