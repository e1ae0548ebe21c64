"""The worker's ComfyUI: whether it is reachable, free, and usable for another job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod_contract.scratch import scratch_folder
from comfy2runpod_runtime.comfyui.client import ComfyUIClient, SystemStats
from comfy2runpod_runtime.comfyui.process import ComfyUIProcess
from comfy2runpod_runtime.errors import ComfyUILost, ComfyUIUnavailable
from comfy2runpod_runtime.job_states import JobLifecycle
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.25
_SHORT_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Connection:
    loop: asyncio.AbstractEventLoop
    client: ComfyUIClient
    folder: Path
    # A reference, since an unreferenced generator is closed at once.
    cleanup: AsyncGenerator[tuple[ComfyUIClient, Path], None]


class ComfyUISupervisor:
    """Manages the worker's own ComfyUI process, or a ComfyUI that runs elsewhere (COMFYUI_URL).

    Args:
        settings: the worker's settings.
        patient: whether to wait for a ComfyUI elsewhere that may be restarting. True for a worker of an endpoint;
            False for a job that is run by hand, where an error should come at once.

    Attributes:
        process: the worker's own ComfyUI; None with COMFYUI_URL.
        current_job: the job that uses the GPU, for ComfyUI's lines in the log.
        fatal_error: why the worker can run no further job; None while it can.
        stats: the last answer to `/system_stats`.
    """

    def __init__(self, settings: Settings, *, patient: bool) -> None:
        self._patience_seconds = settings.comfyui_silence_seconds if patient else _SHORT_PATIENCE_SECONDS
        self._settings = settings
        self.current_job: JobLifecycle | None = None
        self.process: ComfyUIProcess | None = None
        if not settings.comfyui_url:
            self.take_over(ComfyUIProcess(settings))
        self.fatal_error: str | None = None
        self.stats: SystemStats | None = None
        self._connection: _Connection | None = None

    def take_over(self, process: ComfyUIProcess) -> None:
        """Uses a process that was made of the same settings, and may run already, in the place of the own one."""
        process.current_job = lambda: self.current_job
        self.process = process

    async def connect(self) -> ComfyUIClient:
        """Returns the client of the running event loop. It is kept until the loop ends."""
        loop = asyncio.get_running_loop()
        if self._connection is None or self._connection.loop is not loop:
            cleanup = self._open()
            self._connection = _Connection(loop, *await anext(cleanup), cleanup)
        return self._connection.client

    @property
    def client(self) -> ComfyUIClient:
        """The client that `connect` has made."""
        return self._connected().client

    @property
    def download_folder(self) -> Path:
        """The folder for the files of the running job, kept as long as the client."""
        return self._connected().folder

    def _connected(self) -> _Connection:
        if self._connection is None:
            raise AssertionError("connect() comes first")
        return self._connection

    async def _open(self) -> AsyncGenerator[tuple[ComfyUIClient, Path], None]:
        """Closes the connections when the event loop shuts down its asynchronous generators."""
        if self.process is None:
            url, is_ours = self._settings.comfyui_url or "", None
        else:
            url, is_ours = self.process.url, await asyncio.to_thread(lambda process: process.peer_check, self.process)
        with scratch_folder("worker") as folder:
            async with ComfyUIClient(
                url, self._settings.request_timeout_seconds, is_ours, self._settings.preview_seconds
            ) as client:
                yield client, folder

    @property
    def alive(self) -> bool:
        """False if the worker's own ComfyUI has ended; True for a ComfyUI elsewhere, whose process is not known."""
        return self.process is None or self.process.running

    @asynccontextmanager
    async def lost_when_it_ends(self) -> AsyncGenerator[None]:
        """Ends what is done in this context as soon as the worker's own ComfyUI ends.

        Raises:
            ComfyUILost: it ended.
        """
        if self.process is None:
            yield
            return
        loop, life = asyncio.get_running_loop(), asyncio.timeout(None)
        try:
            async with life:

                def expire() -> None:
                    # The context may have ended meanwhile.
                    with suppress(RuntimeError):
                        life.reschedule(loop.time())

                def ended() -> None:
                    with suppress(RuntimeError):
                        loop.call_soon_threadsafe(expire)

                with self.process.on_end(ended):
                    yield
        except TimeoutError:
            if life.expired():
                raise ComfyUILost("ComfyUI ended while the job ran.") from None
            raise

    async def wait_until_ready(self, patience_seconds: float | None = None) -> str | None:
        """Starts ComfyUI if it is the worker's own, and waits until it answers.

        Sends no request while the event connection of the last job is open: then the same ComfyUI still runs.

        Args:
            patience_seconds: how long to wait for a ComfyUI elsewhere; None for the default.

        Returns:
            The simulator's version if the simulator answers, None for a real ComfyUI.

        Raises:
            ComfyUIUnavailable: the worker's own does not start, or the other does not answer in time.
        """
        client = self.client
        if self.alive and client.has_live_events:
            return None if self.stats is None else self.stats.simulator
        clock = asyncio.get_running_loop().time
        deadline = clock() + (self._patience_seconds if patience_seconds is None else patience_seconds)
        while True:
            try:
                stats = await (client.stats() if self.process is None else self.process.ensure_running(client))
            except ComfyUIUnavailable as error:
                # A ComfyUI elsewhere may still be starting. For the worker's own, `ensure_running` has waited.
                if self.process is not None or clock() > deadline:
                    self.fatal_error = error.message
                    raise
            else:
                self.stats = stats
                return stats.simulator
            await asyncio.sleep(_POLL_SECONDS)

    async def release(self, prompt_id: str) -> None:
        """Waits until ComfyUI has stopped an interrupted prompt, so that the next job gets the GPU.

        After COMFYUI_INTERRUPT_SECONDS, the worker's own ComfyUI is killed; with another, the worker becomes unusable.

        Args:
            prompt_id: the prompt that was interrupted.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._settings.comfyui_interrupt_seconds
        while self.alive:
            try:
                busy = await self.client.queue_position(prompt_id) is not None
                reason = "it did not stop an interrupted job"
            except ComfyUIUnavailable as error:
                busy, reason = True, error.message
            if not busy:
                return
            if clock() > deadline:
                await self._kill(reason)
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _kill(self, reason: str) -> None:
        if self.process is None:
            self.fatal_error = reason
        else:
            await asyncio.to_thread(self.process.kill, reason)
