"""One job: patched, queued, followed, collected, measured, answered.

`/history` is the authority. Events only make the worker look sooner and say how far it is: if none ever comes, the
result is the same.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from comfy2runpod_runtime.comfyui.client import ComfyUIClient, History
from comfy2runpod_runtime.comfyui.events import Event, EventStream, NodeStarted, PromptEnded, StepDone
from comfy2runpod_runtime.errors import (
    ComfyUILost,
    ComfyUIUnavailable,
    JobCancelled,
    JobError,
    JobStalled,
    JobTimeout,
)
from comfy2runpod_runtime.failures import failure_error
from comfy2runpod_runtime.json_types import JsonObject
from comfy2runpod_runtime.outputs import Collected, Output, answer_of
from comfy2runpod_runtime.prompt import Prompt, Run, title_of
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)

Progress: TypeAlias = Callable[[JsonObject], None]

# How many polls in a row may find a prompt neither queued nor in the history before it counts as lost.
_LOST_AFTER = 3
_FIRST_POLL_SECONDS = 0.05
# How long telling ComfyUI to stop may take: the caller has long gone, the next job waits.
_CANCEL_SECONDS = 10


@dataclass(slots=True)
class Timings:
    """Seconds that each phase of a job took, and the bytes of each output, for the log."""

    phases: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def done(self, phase: str) -> None:
        """Notes that a phase has ended now."""
        now = time.perf_counter()
        self.phases[phase] = round(now - self._since, 4)
        self._since = now


@dataclass(frozen=True, slots=True)
class Job:
    """What one run needs: the patched prompt under its id, and the outputs that it is to give."""

    prompt: Prompt
    run: Run
    outputs: tuple[Output, ...]


async def run_job(
    job: Job,
    client: ComfyUIClient,
    settings: Settings,
    progress: Progress,
    timings: Timings,
    alive: Callable[[], bool] = lambda: True,
    deadline: float | None = None,
) -> JsonObject:
    """Runs a prompt to its end.

    Args:
        job: what to run.
        client: where to run it.
        settings: every wait's bound.
        progress: called with `{"node", "percent", "step"?, "of"?}` while it runs.
        timings: filled in.
        alive: False once the ComfyUI is known to be gone, so that nobody waits for it.
        deadline: when it has to be done, by the loop's clock; None: JOB_TIMEOUT_SECONDS from now.

    Returns:
        The media part of the answer.

    Raises:
        JobError: whatever went wrong, with its code.
        asyncio.CancelledError: the job was cancelled; ComfyUI has been told.
    """
    prompt_id, client_id = job.run.prompt_id, uuid.uuid4().hex
    try:
        end = asyncio.get_running_loop().time() + settings.job_timeout_seconds if deadline is None else deadline
        async with asyncio.timeout_at(end):
            async with EventStream(client.url, client_id) as events:
                timings.done("connect")
                await _queue(job, client, client_id)
                timings.done("queue")
                reporter = _Reporter(job.prompt, progress, settings.progress_seconds)
                history = await _follow(prompt_id, client, events, settings, reporter, alive)
                timings.done("run")
            _raise_failure(job.prompt, history)
            return await _collect(job, client, history, settings, timings)
    except TimeoutError:
        await _give_up(client, prompt_id)
        raise JobTimeout(f"The job took longer than {settings.job_timeout_seconds:g} s and was stopped.") from None
    except (ComfyUIUnavailable, JobStalled):
        # An answer was lost, so the prompt may still be there, and would keep the GPU from the next job.
        await _give_up(client, prompt_id)
        raise
    except asyncio.CancelledError:
        await asyncio.shield(_give_up(client, prompt_id))
        raise


async def _queue(job: Job, client: ComfyUIClient, client_id: str) -> None:
    sending = asyncio.create_task(client.queue(job.prompt, job.run.prompt_id, client_id))
    try:
        await asyncio.shield(sending)
    except asyncio.CancelledError:
        # A prompt on its way cannot be called back, and one that arrives after the interrupt would run for nobody.
        with suppress(JobError, TimeoutError):
            await asyncio.wait_for(sending, _CANCEL_SECONDS)
        raise


async def _follow(
    prompt_id: str,
    client: ComfyUIClient,
    events: EventStream,
    settings: Settings,
    reporter: _Reporter,
    alive: Callable[[], bool],
) -> History:
    """Waits until the history tells how the prompt ended."""
    clock = asyncio.get_running_loop().time
    missing, heard = 0, clock()
    signs = _Signs(events, clock)
    wait = settings.poll_seconds if events.connected else _FIRST_POLL_SECONDS
    poll_at = clock() + wait
    while True:
        event = await events.next(poll_at - clock())
        signs.note(event, prompt_id)
        ended = False
        if event is not None and event.prompt_id == prompt_id:
            reporter.report(event)
            ended = isinstance(event, PromptEnded)
        if not ended and clock() < poll_at:
            continue
        # The history is written a moment after the event: soon looked at, then less and less often.
        wait = _FIRST_POLL_SECONDS if ended else min(2 * wait, settings.poll_seconds)
        try:
            history = await client.history(prompt_id)
            if history is not None:
                return history
            missing = 0 if await client.is_queued(prompt_id) else missing + 1
            heard = clock()
        except ComfyUIUnavailable:
            if not alive():
                raise ComfyUILost("ComfyUI ended while the job ran.") from None
            if clock() - heard > settings.comfyui_silence_seconds:
                raise
        if missing >= _LOST_AFTER:
            raise ComfyUILost("ComfyUI no longer knows the job: it was restarted or its queue was cleared.")
        if signs.none_for() > settings.comfyui_stall_seconds:
            raise JobStalled(f"ComfyUI made no progress for {settings.comfyui_stall_seconds:g} s and was stopped.")
        poll_at = clock() + wait


def _raise_failure(prompt: Prompt, history: History) -> None:
    if history.succeeded:
        return
    if history.interrupted:
        raise JobCancelled("ComfyUI was interrupted.")
    raise failure_error(prompt, history.failure)


async def _collect(
    job: Job, client: ComfyUIClient, history: History, settings: Settings, timings: Timings
) -> JsonObject:
    with tempfile.TemporaryDirectory(prefix="comfy2runpod-") as folder:
        collected = []
        for output in job.outputs:
            for index, file in enumerate(output.wanted(history.files, title_of(job.prompt, output.node))):
                path = Path(folder) / f"{output.name}-{index}{Path(file.filename).suffix}"
                size = await client.download(file, path)
                timings.sizes[path.stem] = size
                collected.append((output, path, size))
        timings.done("collect")
        measured = [
            Collected(output, path, size, await asyncio.to_thread(output.measure, path))
            for output, path, size in collected
        ]
        timings.done("measure")
        answer = await asyncio.to_thread(answer_of, job.outputs, tuple(measured), settings.max_inline_bytes)
        timings.done("encode")
        return answer


async def _give_up(client: ComfyUIClient, prompt_id: str) -> None:
    """Tells ComfyUI to stop; a ComfyUI that no longer listens is not a reason to fail differently."""
    with suppress(ComfyUIUnavailable, TimeoutError):
        async with asyncio.timeout(_CANCEL_SECONDS):
            await client.cancel(prompt_id)


class _Signs:
    """When a running prompt moved last. Silence says something only on a connection that has told of this prompt."""

    def __init__(self, events: EventStream, clock: Callable[[], float]) -> None:
        self._events = events
        self._clock = clock
        self._last = clock()
        self._told = False

    def note(self, event: Event | None, prompt_id: str) -> None:
        if event is not None and event.prompt_id == prompt_id:
            self._told = True
            self._last = self._clock()
        elif not self._events.connected:
            self._told = False

    def none_for(self) -> float:
        """Seconds without a sign; 0 while nothing can be known."""
        return self._clock() - self._last if self._told else 0.0


class _Reporter:
    """Turns events into progress. Each update is an HTTP request to RunPod, so they are spaced."""

    def __init__(self, prompt: Prompt, progress: Progress, spacing_seconds: float) -> None:
        self._prompt = prompt
        self._progress = progress
        self._spacing = spacing_seconds
        self._started: set[str] = set()
        self._next_at = 0.0

    def report(self, event: Event) -> None:
        match event:
            case NodeStarted(node_id=str() as node_id):
                self._started.add(node_id)
                self._tell(node_id, {})
            case StepDone(node_id=node_id, step=step, of=of):
                self._tell(node_id, {"step": step, "of": of})

    def _tell(self, node_id: str, more: Mapping[str, int]) -> None:
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + self._spacing
        percent = min(99, round(100 * len(self._started) / max(1, len(self._prompt))))
        self._progress({"node": title_of(self._prompt, node_id), "percent": percent, **more})
