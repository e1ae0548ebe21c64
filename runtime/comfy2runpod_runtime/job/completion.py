"""Waits until ComfyUI has finished a prompt, and detects a ComfyUI that is gone or makes no progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from comfy2runpod_runtime.comfyui.events import Event, EventStream, PromptEnded, PromptEnding
from comfy2runpod_runtime.comfyui.history import History
from comfy2runpod_runtime.errors import ComfyUILost, ComfyUIUnavailable, JobStalled
from comfy2runpod_runtime.job.context import JobContext
from comfy2runpod_runtime.job.progress_reporter import ProgressReporter

# A prompt counts as lost after so many polls in a row that find it neither queued nor in the history.
_LOST_AFTER_POLLS = 3
_FIRST_POLL_SECONDS = 0.05


async def wait_for_completion(
    prompt_id: str, events: EventStream, reporter: ProgressReporter, context: JobContext
) -> History:
    """Polls ComfyUI's history until it has an entry for a prompt. Events only make the polls earlier.

    Args:
        prompt_id: the queued prompt.
        events: the events of its client id.
        reporter: receives the events of this prompt.
        context: the job.

    Raises:
        ComfyUILost: ComfyUI ended, or no longer knows the prompt.
        ComfyUIUnavailable: ComfyUI has not answered for COMFYUI_SILENCE_SECONDS.
        JobStalled: no progress for COMFYUI_STALL_SECONDS, or for COMFYUI_BLIND_SECONDS if no events arrive.
    """
    client, settings, lifecycle = context.comfyui.client, context.settings, context.lifecycle
    clock = asyncio.get_running_loop().time
    polls_without_prompt, last_answer = 0, clock()
    activity = _ActivityMonitor(events, clock)
    poll_interval = settings.poll_seconds if events.connected else _FIRST_POLL_SECONDS
    next_poll = clock() + poll_interval
    while True:
        event = await events.next(next_poll - clock())
        activity.record_event(event, prompt_id)
        ended = False
        if event is not None and event.prompt_id == prompt_id:
            lifecycle.mark_running()
            reporter.handle_event(event)
            ended = isinstance(event, PromptEnded)
            if isinstance(event, PromptEnding):
                # PromptEnded follows once the history is written. This poll is the fallback if that event is lost.
                poll_interval = _FIRST_POLL_SECONDS
                next_poll = min(next_poll, clock() + poll_interval)
        reporter.send_pending()
        if not ended and clock() < next_poll:
            continue
        # If the history has no entry yet, polls again soon, then with growing intervals.
        poll_interval = _FIRST_POLL_SECONDS if ended else min(2 * poll_interval, settings.poll_seconds)
        try:
            history = await client.history(prompt_id)
            if history is not None:
                return history
            position = await client.queue_position(prompt_id)
            polls_without_prompt = polls_without_prompt + 1 if position is None else 0
            last_answer = clock()
            if position == "running":
                lifecycle.mark_running()
                activity.mark_running()
        except ComfyUIUnavailable:
            if not context.comfyui.alive:
                raise ComfyUILost("ComfyUI ended while the job ran.") from None
            if clock() - last_answer > settings.comfyui_silence_seconds:
                raise
        if polls_without_prompt >= _LOST_AFTER_POLLS:
            raise ComfyUILost("ComfyUI no longer knows the job: it was restarted or its queue was cleared.")
        limit = settings.comfyui_stall_seconds if activity.events_received else settings.comfyui_blind_seconds
        if activity.idle_seconds() > limit:
            raise JobStalled(f"ComfyUI made no progress for {limit:g} s and was stopped.")
        next_poll = clock() + poll_interval


class _ActivityMonitor:
    """Records when a running prompt last made progress, or started.

    `events_received` is whether this connection has sent events of this prompt. If not, ComfyUI may make progress that
    the worker does not see.
    """

    def __init__(self, events: EventStream, clock: Callable[[], float]) -> None:
        self._events = events
        self._clock = clock
        self._last_activity: float | None = None
        self.events_received = False

    def record_event(self, event: Event | None, prompt_id: str) -> None:
        if event is not None and event.prompt_id == prompt_id:
            self.events_received = True
            self._last_activity = self._clock()
        elif not self._events.connected:
            self.events_received = False

    def mark_running(self) -> None:
        """Records that ComfyUI's queue lists the prompt as running."""
        if self._last_activity is None:
            self._last_activity = self._clock()

    def idle_seconds(self) -> float:
        """Seconds since the last activity; 0 while the prompt is not known to run."""
        return 0.0 if self._last_activity is None else self._clock() - self._last_activity
