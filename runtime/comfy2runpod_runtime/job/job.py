"""One job: patched, queued, followed, collected, measured, answered.

`/history` is the authority. Events only make the worker look sooner and say how far it is: if none ever comes, the
result is the same.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_runtime.comfyui.client import ComfyUIClient, History
from comfy2runpod_runtime.comfyui.events import EventStream
from comfy2runpod_runtime.comfyui.failures import failure_error
from comfy2runpod_runtime.delivery.early_uploads import EarlyFiles
from comfy2runpod_runtime.delivery.outgoing import Outgoing
from comfy2runpod_runtime.errors import (
    ComfyUIError,
    ComfyUIUnavailable,
    JobCancelled,
    JobError,
    JobStalled,
    OutputFault,
    OutputInvalid,
    OutputMissing,
)
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.job.collect import Downloads, finished
from comfy2runpod_runtime.job.event_progress import Progress, Reporter
from comfy2runpod_runtime.job.job_states import Life, State
from comfy2runpod_runtime.job.prompt import Prompt, Run, ancestors, pruned, title_of
from comfy2runpod_runtime.job.wait import follow
from comfy2runpod_runtime.outputs.answer import Result, answer_of
from comfy2runpod_runtime.outputs.base import Output
from comfy2runpod_runtime.settings import Settings

# How long telling ComfyUI to stop may take: the caller has long gone, the next job waits.
_CANCEL_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Job:
    """What one run needs: the patched prompt, its run, the outputs, what is wanted of them, and how they leave."""

    prompt: Prompt
    run: Run
    outputs: tuple[Output, ...]
    wanted: RequestOptions
    outgoing: Outgoing

    @property
    def asked(self) -> tuple[Output, ...]:
        """The outputs that the request wants."""
        return tuple(output for output in self.outputs if output.name in self.wanted.outputs)


async def run_job(
    job: Job,
    client: ComfyUIClient,
    folder: Path,
    settings: Settings,
    progress: Progress,
    life: Life,
    alive: Callable[[], bool] = lambda: True,
    deadline: float | None = None,
) -> JsonObject:
    """Runs a prompt to its end.

    Args:
        job: what to run.
        client: where to run it.
        folder: for its files; no other job uses it at the time.
        settings: every wait's bound.
        progress: called with `{"node", "percent", "step"?, "of"?, "outputs"?, "files"?}` while it runs.
        life: told what is reached.
        alive: False once the ComfyUI is known to be gone, so that nobody waits for it.
        deadline: when it has to be done, by the loop's clock; None: JOB_TIMEOUT_SECONDS from now.

    Returns:
        The media part of the answer.

    Raises:
        JobError: whatever went wrong, with its code; of several outputs, `details` names those that failed.
        asyncio.CancelledError: the job was cancelled; ComfyUI has been told.
    """
    with Downloads(client, folder) as downloads:
        early = EarlyFiles(job.asked, job.wanted, job.outgoing, job.run.prompt_id, downloads)
        running = _Running(job, client, settings, progress, life, alive, downloads, early)
        try:
            end = asyncio.get_running_loop().time() + settings.job_timeout_seconds if deadline is None else deadline
            async with asyncio.timeout_at(end), early:
                return await running.to_its_end()
        except TimeoutError:
            await _give_up(client, running.prompt_id)
            raise life.too_late(settings.job_timeout_seconds) from None
        except (ComfyUIUnavailable, JobStalled):
            # An answer was lost, so the prompt may still be there, and would keep the GPU from the next job.
            await _give_up(client, running.prompt_id)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(_give_up(client, running.prompt_id))
            raise


class _Running:
    """One job on its way. A branch that fails is omitted and the rest queued again, where the caller allows it."""

    def __init__(
        self,
        job: Job,
        client: ComfyUIClient,
        settings: Settings,
        progress: Progress,
        life: Life,
        alive: Callable[[], bool],
        downloads: Downloads,
        early: EarlyFiles,
    ) -> None:
        self._job = job
        self._client = client
        self._settings = settings
        self._progress = progress
        self._life = life
        self._alive = alive
        self._downloads = downloads
        self._early = early
        self._ready: dict[str, tuple[Result, ...]] = {}
        self._needs = {output.name: ancestors(job.prompt, output.node) for output in job.asked}
        self._found: dict[str, tuple[Path | str, ...]] = {}
        self._failed: dict[str, JobError] = {}
        self.prompt_id = job.run.prompt_id

    async def to_its_end(self) -> JsonObject:
        async with self._client.events() as events:
            while left := [output for output in self._job.asked if output.name not in {*self._found, *self._failed}]:
                await self._once(left, events)
                # ComfyUI answers for an id once: what is queued again gets one of its own.
                self.prompt_id = str(uuid.uuid4())
        self._life.reach(State.COLLECTED)
        results: list[Result] = []
        for output in self._job.asked:
            try:
                results += self._ready.get(output.name) or await finished(
                    output, self._found.get(output.name, ()), self._job.wanted
                )
            except OutputInvalid as error:
                self._fail([output], error)
        if not results:
            raise next(iter(self._failed.values()))
        self._life.sizes.update({result.output.name: result.size for result in results})
        self._life.reach(State.MEASURED)
        parts = await self._job.outgoing.hand_over(results, self._job.run.prompt_id)
        return answer_of(self._job.outputs, parts, self._failed)

    async def _once(self, left: list[Output], events: EventStream) -> None:
        """Runs the part of the prompt that these outputs need; afterwards each is found or failed, or may be tried."""
        prompt = self._job.prompt
        if self._life.state is State.RAN:
            self._life.reach(State.READY)
        if len(left) < len(self._job.outputs):
            prompt = pruned(prompt, [output.node for output in left])
        try:
            await _queue(prompt, self.prompt_id, self._client, events.client_id)
        except ComfyUIError as error:
            self._fail(left, error, error.nodes)
            return
        self._life.reach(State.QUEUED)
        reporter = Reporter(
            prompt, self._progress, self._settings.progress_seconds, self._needs, {*self._found}, self._early
        )
        history = await follow(self.prompt_id, self._client, events, self._settings, reporter, self._alive, self._life)
        self._life.runs()
        self._life.reach(State.RAN)
        if history.interrupted:
            raise JobCancelled("ComfyUI was interrupted.")
        if not history.succeeded:
            # What was saved before a node failed is whole.
            if len(self._job.asked) > 1 and self._job.wanted.allow_partial:
                for output in left:
                    if output.is_saved(history):
                        await self._fetch(output, history)
            nodes = () if history.failure is None else (history.failure.node_id,)
            unsaved = [output for output in left if output.name not in self._found]
            self._fail(unsaved, failure_error(prompt, history.failure), nodes)
            return
        for output in left:
            await self._fetch(output, history)

    async def _fetch(self, output: Output, history: History) -> None:
        ready = await self._early.take(output, history)
        if ready is not None:
            self._ready[output.name], self._found[output.name] = ready, ()
            return
        try:
            title = title_of(self._job.prompt, output.node)
            self._found[output.name] = await self._downloads.fetch(output, history, title)
        except OutputMissing as error:
            self._fail([output], error)

    def _fail(self, left: list[Output], error: JobError, nodes: Iterable[str] = ()) -> None:
        """Notes which outputs a failure takes along: those that need one of the nodes, or all if none is known to."""
        # A node that another made at run time (`7.0.0.3`) stands for that one.
        failing = {node.split(".", maxsplit=1)[0] for node in nodes}
        hit = [output for output in left if failing & self._needs[output.name]] or left
        if len(self._job.asked) == 1:
            raise error
        if not self._job.wanted.allow_partial:
            names = ", ".join(output.name for output in hit)
            faults = [OutputFault(output.name, error.message) for output in hit]
            raise type(error)(f"{error.message.rstrip('.')}. Not made for that reason: {names}.", faults)
        self._failed.update({output.name: error for output in hit})


async def _queue(prompt: Prompt, prompt_id: str, client: ComfyUIClient, client_id: str) -> None:
    sending = asyncio.create_task(client.queue(prompt, prompt_id, client_id))
    try:
        await asyncio.shield(sending)
    except asyncio.CancelledError:
        # A prompt on its way cannot be called back, and one that arrives after the interrupt would run for nobody.
        with suppress(JobError, TimeoutError):
            await asyncio.wait_for(sending, _CANCEL_SECONDS)
        raise


async def _give_up(client: ComfyUIClient, prompt_id: str) -> None:
    """Tells ComfyUI to stop; a ComfyUI that no longer listens is not a reason to fail differently."""
    with suppress(ComfyUIUnavailable, TimeoutError):
        async with asyncio.timeout(_CANCEL_SECONDS):
            await client.cancel(prompt_id)
