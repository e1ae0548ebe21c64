"""The worker's own ComfyUI: started, watched, stopped."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from comfy2runpod_contract.tether import END_ALL, tethered
from comfy2runpod_runtime.comfyui.client import ComfyUIClient, SystemStats
from comfy2runpod_runtime.errors import ComfyUIUnavailable
from comfy2runpod_runtime.job.job_states import Life
from comfy2runpod_runtime.operations.logs import fields
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)

_STOP_SECONDS = 10
_LAST_WORDS_SECONDS = 1.0
_LOG_LINES = 200
_LOOK_SECONDS = 0.25
# How many times as long as a job may take.
_OLD_JOBS = 24


class ComfyUIProcess:
    """One ComfyUI of ours. Its log goes to ours line by line; the tail is kept for when it fails."""

    def __init__(self, settings: Settings, life: Callable[[], Life | None]) -> None:
        self._settings = settings
        self._life = life
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._tail: deque[str] = deque(maxlen=_LOG_LINES)
        self._outputs = Path(tempfile.gettempdir()) / f"comfy2runpod-outputs-{settings.comfyui_port}"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._settings.comfyui_port}"

    @property
    def outputs(self) -> Path:
        """Where it saves; each job has a folder of its own in it."""
        return self._outputs

    @property
    def inputs(self) -> Path:
        """Where it reads a job's input files: ComfyUI's own folder, or the one that COMFYUI_ARGS names."""
        arguments = shlex.split(self._settings.comfyui_args)
        for index, argument in enumerate(arguments):
            if argument == "--input-directory" and index + 1 < len(arguments):
                return Path(arguments[index + 1])
            if argument.startswith("--input-directory="):
                return Path(argument.partition("=")[2])
        return self._settings.comfyui_dir / "input"

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The end of its log."""
        # Its reader may add a line meanwhile.
        return tuple(self._tail.copy())

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    async def ensure(self, client: ComfyUIClient) -> SystemStats:
        """Starts it if it does not run, and waits until it answers; what it says of itself.

        Raises:
            ComfyUIUnavailable: it ended, or did not answer in time.
        """
        if not self.running:
            await asyncio.to_thread(self._start)
        deadline = asyncio.get_running_loop().time() + self._settings.comfyui_start_timeout_seconds
        while True:
            if not self.running:
                await asyncio.to_thread(self._read_out)
                log.error("ComfyUI ended while it started:\n%s", "\n".join(self._tail))
                raise ComfyUIUnavailable("ComfyUI ended while it started; the worker's log has its last lines.")
            try:
                return await client.stats()
            except ComfyUIUnavailable:
                if asyncio.get_running_loop().time() > deadline:
                    limit = self._settings.comfyui_start_timeout_seconds
                    log.error("ComfyUI did not answer within %s s:\n%s", limit, "\n".join(self._tail))  # noqa: TRY400
                    await asyncio.to_thread(self.stop)
                    raise ComfyUIUnavailable(f"ComfyUI did not answer within {limit:g} s.") from None
                await asyncio.sleep(_LOOK_SECONDS)

    def kill(self, reason: str) -> None:
        """Ends one that does not do what it is told, at once; its last words go to our log."""
        log.error("ComfyUI is ended: %s. Its last lines:\n%s", reason, "\n".join(self._tail))
        if self._process is not None:
            self._process.send_signal(END_ALL)
        self.stop()

    def stop(self) -> None:
        """Ends it: asked first, then killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(END_ALL)
            process.wait()
        self._read_out()

    def _read_out(self) -> None:
        """Waits for its last words."""
        if self._reader is not None:
            self._reader.join(_LAST_WORDS_SECONDS)

    def _start(self) -> None:
        settings = self._settings
        self._tail.clear()
        self._outputs.mkdir(parents=True, exist_ok=True)
        self.inputs.mkdir(parents=True, exist_ok=True)
        for root in (self._outputs, self.inputs):
            self._clear(root / "comfy2runpod")
        command = [
            str(settings.comfyui_python),
            str(settings.comfyui_dir / "main.py"),
            *("--listen", "127.0.0.1", "--port", str(settings.comfyui_port)),
            *("--output-directory", str(self._outputs), "--input-directory", str(self.inputs)),
            # In MB. A field's own limits count, and a large image is larger still as a PNG.
            *("--max-upload-size", "1000"),
            # Metadata would carry the whole prompt, and with it how the endpoint works, to whoever gets the file.
            *("--preview-method", "none", "--disable-auto-launch", "--disable-metadata"),
            *shlex.split(settings.comfyui_args),
        ]
        try:
            if shutil.which(command[0]) is None:
                # Said here, where the reason is known: what starts it is a process of its own.
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            # It holds the GPU's memory, and its nodes may start processes of their own: none outlives the worker. In a
            # session of its own, as Ctrl+C at a terminal is for the worker to hand on.
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                tethered(command),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except OSError as error:
            log.exception("ComfyUI cannot be started: %s", shlex.join(command))
            raise ComfyUIUnavailable(f"ComfyUI cannot be started ({error.strerror}).") from error
        self._reader = threading.Thread(target=self._follow, args=(self._process,), name="comfyui-log", daemon=True)
        self._reader.start()

    def _clear(self, jobs: Path) -> None:
        """Removes the folders of jobs whose worker was killed: older than any job, as others may share the place."""
        old = time.time() - _OLD_JOBS * self._settings.job_timeout_seconds
        with suppress(OSError):
            for folder in jobs.iterdir():
                if folder.lstat().st_mtime < old:
                    shutil.rmtree(folder, ignore_errors=True)

    def _follow(self, process: subprocess.Popen[str]) -> None:
        """Reads its output to the end: a full pipe would stop it."""
        if process.stdout is None:
            return
        with process.stdout as lines:
            for line in lines:
                self._tail.append(line.rstrip())
                log.info("comfyui: %s", line.rstrip(), extra=fields(self._life()))
