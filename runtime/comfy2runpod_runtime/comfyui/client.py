"""The client of ComfyUI's HTTP API, as far as a job needs it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import aiohttp

from comfy2runpod_runtime.comfyui import previews
from comfy2runpod_runtime.comfyui.events import EventStream
from comfy2runpod_runtime.comfyui.failures import refusal_message
from comfy2runpod_runtime.comfyui.history import History, SavedFile, parse_history
from comfy2runpod_runtime.comfyui.http import OK, HttpConnection, Response, raise_server_error, retry
from comfy2runpod_runtime.comfyui.peers import PeerCheck
from comfy2runpod_runtime.errors import ComfyUIError, ComfyUIUnavailable, DiskFull, OutputMissing, OutputTooLarge
from comfy2runpod_runtime.prompt import Prompt

_MIN_UPLOAD_BYTES_PER_SECOND = 1_000_000
_DOWNLOAD_CHUNK = 1 << 20
# Far larger than any video of a job: only an answer without an end is.
_MAX_FILE_BYTES = 5 << 30
# Of the disk, for other files of the worker.
_SPARE_BYTES = 100 * 10**6


@dataclass(frozen=True, slots=True)
class SystemStats:
    """ComfyUI's version, and the simulator's if the simulator answers."""

    comfyui_version: str
    simulator: str | None


class ComfyUIClient:
    """One ComfyUI server: its HTTP API and its events.

    It belongs to the event loop that creates it. Its HTTP connection and its websocket are kept from job to job.

    Args:
        url: the server's base URL.
        timeout_seconds: see `HttpConnection`.
        is_ours: see `HttpConnection`.
        preview_seconds: see `EventStream`.
    """

    def __init__(
        self, url: str, timeout_seconds: float, is_ours: PeerCheck | None = None, preview_seconds: float = 0.0
    ) -> None:
        self._preview_seconds = preview_seconds
        self.url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._events: EventStream | None = None
        self._is_ours = is_ours
        self._http = HttpConnection(self.url, timeout_seconds, is_ours)

    async def __aenter__(self) -> ComfyUIClient:
        """Returns the client. Connections are opened on first use."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connections."""
        await self._close_events()
        await self._http.close()

    @property
    def has_live_events(self) -> bool:
        """Whether the event connection of an earlier job is still open: then ComfyUI has not restarted since."""
        return self._events is not None and self._events.usable

    @asynccontextmanager
    async def events(self) -> AsyncIterator[EventStream]:
        """Opens the events of one job. Reuses the connection of the last job if it is usable."""
        if not self.has_live_events:
            await self._close_events()
        # A new connection has a new client id: ComfyUI forgets an id when an old connection with it ends.
        stream = self._events = self._events or EventStream(self.url, self._is_ours, self._preview_seconds)
        try:
            await stream.start()
            yield stream
        finally:
            stream.pause()
            if not stream.connected:
                await self._close_events()

    async def _close_events(self) -> None:
        stream, self._events = self._events, None
        if stream is not None:
            await stream.close()

    async def queue(self, prompt: Prompt, prompt_id: str, client_id: str) -> None:
        """Queues a prompt. Idempotent: a retry does not queue it again if ComfyUI knows it.

        Args:
            prompt: the API prompt.
            prompt_id: the id to queue it under.
            client_id: the client id of the event connection.

        Raises:
            ComfyUIError: ComfyUI refused the prompt, or some of its outputs.
            ComfyUIUnavailable: ComfyUI does not answer.
        """
        body: dict[str, object] = {"prompt": prompt, "prompt_id": prompt_id, "client_id": client_id}
        if self._preview_seconds:
            # Only for this prompt: ComfyUI is started without previews, each of which takes time.
            body["extra_data"] = {"preview_method": previews.METHOD}

        async def post() -> Response | None:
            # The failed attempt may have been executed, with only its answer lost.
            known = bool(failures) and await self._is_known(prompt_id)
            return None if known else await self._http.request("POST", "/prompt", body)

        failures: list[Exception] = []
        response = await retry(post, failures)
        if response is None:
            return
        answer = response.json_object()
        node_errors = answer.get("node_errors")
        # With node errors, ComfyUI answers 200 and silently drops the outputs of these nodes: that is a failure.
        if response.status == OK and not node_errors:
            return
        if response.status == OK:
            await self.cancel(prompt_id)
        raise ComfyUIError(
            refusal_message(prompt, answer), nodes=list(node_errors) if isinstance(node_errors, dict) else ()
        )

    async def history(self, prompt_id: str) -> History | None:
        """Returns the history of a finished prompt; None while it is queued or running."""
        response = await self._http.request("GET", f"/history/{prompt_id}")
        entry = response.json_object().get(prompt_id)
        return parse_history(entry) if isinstance(entry, dict) else None

    async def _is_known(self, prompt_id: str) -> bool:
        with suppress(ComfyUIUnavailable):
            return await self.queue_position(prompt_id) is not None or await self.history(prompt_id) is not None
        return False

    async def queue_position(self, prompt_id: str) -> Literal["running", "pending"] | None:
        """Returns whether a prompt is running or pending; None if the queue does not contain it."""
        queue = (await self._http.request("GET", "/queue")).json_object()
        for position in ("running", "pending"):
            entries = queue.get(f"queue_{position}")
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, list) and prompt_id in entry[:2]:
                    return position
        return None

    async def cancel(self, prompt_id: str) -> None:
        """Removes a prompt from the queue, and interrupts it if it is running."""
        await self._http.request("POST", "/queue", {"delete": [prompt_id]})
        await self._http.request("POST", "/interrupt", {"prompt_id": prompt_id})

    async def free(self) -> None:
        """Unloads the models and frees GPU memory before the next prompt."""
        await self._http.request("POST", "/free", {"unload_models": True, "free_memory": True})

    async def upload(self, content: bytes, subfolder: str, name: str) -> None:
        """Uploads a file to ComfyUI's input folder, and overwrites an existing one.

        Args:
            content: a PNG file.
            subfolder: the folder below the input folder.
            name: the file's name.

        Raises:
            ComfyUIError: ComfyUI refuses the file.
            ComfyUIUnavailable: ComfyUI does not answer.
        """
        form = {"type": "input", "subfolder": subfolder, "overwrite": "true"}

        async def post() -> Response:
            data = aiohttp.FormData(form)
            data.add_field("image", content, filename=name, content_type="image/png")
            # A read timeout does not notice a server that stops reading, so the whole upload has a time limit.
            timeout = aiohttp.ClientTimeout(self._timeout_seconds + len(content) / _MIN_UPLOAD_BYTES_PER_SECOND)
            async with self._http.stream("POST", "/upload/image", data=data, timeout=timeout) as answer:
                return await self._http.read(answer)

        response = await retry(post)
        if response.status != OK:
            raise ComfyUIError(f"ComfyUI refused an input file of {len(content):,} bytes (HTTP {response.status}).")
        answer = response.json_object()
        if (answer.get("name"), answer.get("subfolder")) != (name, subfolder):
            raise ComfyUIError("ComfyUI saved an input file under another name than the one it was given.")

    async def stats(self) -> SystemStats:
        """Returns the version of the ComfyUI, or of the simulator, that answers.

        Raises:
            ComfyUIUnavailable: ComfyUI does not answer.
        """
        system = (await self._http.request("GET", "/system_stats")).json_object().get("system")
        system = system if isinstance(system, dict) else {}
        simulator = system.get("comfy2runpod_simulator")
        version = system.get("comfyui_version")
        return SystemStats(
            comfyui_version=version if isinstance(version, str) else "unknown",
            simulator=simulator if isinstance(simulator, str) else None,
        )

    async def download(self, file: SavedFile, target: Path) -> int:
        """Downloads a saved file to disk.

        Args:
            file: the file, as the history names it.
            target: where to write it.

        Returns:
            The file's size in bytes.

        Raises:
            OutputMissing: ComfyUI does not have the file.
            OutputTooLarge: it is larger than any result may be.
            DiskFull: it would take the last of the disk's space.
            ComfyUIUnavailable: ComfyUI does not answer.
        """
        params = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}

        async def get() -> int:
            size = 0
            async with self._http.stream("GET", "/view", params=params) as answer:
                raise_server_error(answer.status)
                if answer.status != OK:
                    raise OutputMissing(f"ComfyUI reports that it saved {file.filename}, but does not return it.")
                with target.open("wb") as out:
                    async for chunk in answer.content.iter_chunked(_DOWNLOAD_CHUNK):
                        size += len(chunk)
                        _check_growth(target, size)
                        out.write(chunk)
            return size

        return await retry(get)


def _check_growth(target: Path, size: int) -> None:
    """Checks that a download without an end does not fill the disk.

    Raises:
        OutputTooLarge: the file is larger than any result may be.
        DiskFull: it would take the last of the disk's space.
    """
    if size > _MAX_FILE_BYTES:
        raise OutputTooLarge(f"ComfyUI made a file of more than {_MAX_FILE_BYTES:,} bytes.")
    if shutil.disk_usage(target.parent).free < _SPARE_BYTES:
        raise DiskFull("The worker's disk is full.")
