"""The one owner of what the worker has to do with ComfyUI: whether it is there, free, and worth another job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod_contract.scratch import scratch_folder
from comfy2runpod_runtime.comfyui.client import ComfyUIClient, SystemStats
from comfy2runpod_runtime.comfyui.process import ComfyUIProcess
from comfy2runpod_runtime.errors import ComfyUIUnavailable
from comfy2runpod_runtime.job.job_states import Life
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25
_SOON_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Kept:
    loop: asyncio.AbstractEventLoop
    client: ComfyUIClient
    folder: Path
    # Held, since what is not held is ended at once.
    opened: AsyncGenerator[tuple[ComfyUIClient, Path], None]


class Keeper:
    """The worker's own ComfyUI, or one that somebody else keeps.

    `unfit` says why this worker can serve no further job; None while it can.
    """

    def __init__(self, settings: Settings, *, waits: bool) -> None:
        # A worker of an endpoint waits for what somebody else restarts; whoever runs a job by hand is told at once.
        self._patience_seconds = settings.comfyui_silence_seconds if waits else _SOON_SECONDS
        self._settings = settings
        # The job that has its turn, for ComfyUI's own lines in the log.
        self.life: Life | None = None
        self.process = None if settings.comfyui_url else ComfyUIProcess(settings, lambda: self.life)
        self.unfit: str | None = None
        self._kept: _Kept | None = None
        # Who answered at the last look.
        self.stats: SystemStats | None = None

    async def client(self) -> ComfyUIClient:
        """The client of this loop, kept until the loop ends."""
        loop = asyncio.get_running_loop()
        if self._kept is None or self._kept.loop is not loop:
            opened = self._opened()
            self._kept = _Kept(loop, *await anext(opened), opened)
        return self._kept.client

    @property
    def folder(self) -> Path:
        """The folder for the files of the job in work, kept as long as the client."""
        if self._kept is None:
            raise AssertionError("the client comes first")
        return self._kept.folder

    async def _opened(self) -> AsyncGenerator[tuple[ComfyUIClient, Path], None]:
        """Whoever ends a loop ends its generators first: the connections are closed on the loop that they live on."""
        url = self._settings.comfyui_url or (self.process.url if self.process is not None else "")
        with scratch_folder("worker") as folder:
            async with ComfyUIClient(url, self._settings.request_timeout_seconds) as client:
                yield client, folder

    @property
    def alive(self) -> bool:
        """False once it is known to be gone."""
        return self.process is None or self.process.running

    async def ready(self, client: ComfyUIClient, patience_seconds: float | None = None) -> str | None:
        """Waits until ComfyUI answers; the simulator's version if that is what answers.

        It is not asked while the connection of the last job's events holds: then it lives, and is the one that it was.

        Raises:
            ComfyUIUnavailable: our own does not start, or another's does not answer in time.
        """
        if self.alive and client.listening:
            return None if self.stats is None else self.stats.simulator
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + (self._patience_seconds if patience_seconds is None else patience_seconds)
        while True:
            try:
                stats = await (client.stats() if self.process is None else self.process.ensure(client))
            except ComfyUIUnavailable as error:
                # What somebody else starts may still be on its way; our own has had its time.
                if self.process is not None or clock() > give_up_at:
                    self.unfit = error.message
                    raise
            else:
                self.stats = stats
                return stats.simulator
            await asyncio.sleep(_LOOK_SECONDS)

    async def free_of(self, client: ComfyUIClient, prompt_id: str) -> None:
        """Sees to it that a prompt that was given up keeps nothing from the next one.

        It has been interrupted. A ComfyUI that does not let go of it is ended if it is ours; else this worker is unfit.
        """
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + self._settings.comfyui_interrupt_seconds
        while self.alive:
            try:
                busy, reason = await client.place(prompt_id) is not None, "it goes on with a job that was stopped"
            except ComfyUIUnavailable as error:
                busy, reason = True, error.message
            if not busy:
                return
            if clock() > give_up_at:
                await self._end(reason)
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _end(self, reason: str) -> None:
        if self.process is None:
            self.unfit = reason
        else:
            await asyncio.to_thread(self.process.kill, reason)
