"""Waiting for a prompt's end: events make it quicker, the history decides, and silence has its bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from comfy2runpod_runtime.comfyui.client import ComfyUIClient, History
from comfy2runpod_runtime.comfyui.events import Event, EventStream, PromptEnded, PromptEnding
from comfy2runpod_runtime.errors import ComfyUILost, ComfyUIUnavailable, JobStalled
from comfy2runpod_runtime.job.event_progress import Reporter
from comfy2runpod_runtime.job.job_states import Life
from comfy2runpod_runtime.settings import Settings

# How many polls in a row may find a prompt neither queued nor in the history before it counts as lost.
_LOST_AFTER = 3
_FIRST_POLL_SECONDS = 0.05


async def follow(
    prompt_id: str,
    client: ComfyUIClient,
    events: EventStream,
    settings: Settings,
    reporter: Reporter,
    alive: Callable[[], bool],
    life: Life,
) -> History:
    """Waits until the history tells how the prompt ended.

    Raises:
        ComfyUILost: ComfyUI ended, or no longer knows it.
        ComfyUIUnavailable: it has not answered for COMFYUI_SILENCE_SECONDS.
        JobStalled: nothing has moved for COMFYUI_STALL_SECONDS, or COMFYUI_BLIND_SECONDS where events do not come.
    """
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
            life.runs()
            reporter.report(event)
            ended = isinstance(event, PromptEnded)
            if isinstance(event, PromptEnding):
                # An event says when the history is written. Should it be lost, this is soon enough.
                wait = _FIRST_POLL_SECONDS
                poll_at = min(poll_at, clock() + wait)
        reporter.catch_up()
        if not ended and clock() < poll_at:
            continue
        # Should it not be there yet: soon looked at again, then less and less often.
        wait = _FIRST_POLL_SECONDS if ended else min(2 * wait, settings.poll_seconds)
        try:
            history = await client.history(prompt_id)
            if history is not None:
                return history
            place = await client.place(prompt_id)
            missing = missing + 1 if place is None else 0
            heard = clock()
            if place == "running":
                life.runs()
                signs.runs()
        except ComfyUIUnavailable:
            if not alive():
                raise ComfyUILost("ComfyUI ended while the job ran.") from None
            if clock() - heard > settings.comfyui_silence_seconds:
                raise
        if missing >= _LOST_AFTER:
            raise ComfyUILost("ComfyUI no longer knows the job: it was restarted or its queue was cleared.")
        bound = settings.comfyui_stall_seconds if signs.told else settings.comfyui_blind_seconds
        if signs.none_for() > bound:
            raise JobStalled(f"ComfyUI made no progress for {bound:g} s and was stopped.")
        poll_at = clock() + wait


class _Signs:
    """When a running prompt moved last, or began to run.

    Silence says much on a connection that has `told` of this prompt; without one, progress may be made unseen.
    """

    def __init__(self, events: EventStream, clock: Callable[[], float]) -> None:
        self._events = events
        self._clock = clock
        self._last: float | None = None
        self.told = False

    def note(self, event: Event | None, prompt_id: str) -> None:
        if event is not None and event.prompt_id == prompt_id:
            self.told = True
            self._last = self._clock()
        elif not self._events.connected:
            self.told = False

    def runs(self) -> None:
        """ComfyUI's queue says that it runs."""
        if self._last is None:
            self._last = self._clock()

    def none_for(self) -> float:
        """Seconds without a sign; 0 while it is not known to run."""
        return 0.0 if self._last is None else self._clock() - self._last
