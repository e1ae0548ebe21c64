"""The process of the worker's own ComfyUI: started, monitored, stopped."""

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
from comfy2runpod_runtime.job_states import JobLifecycle
from comfy2runpod_runtime.operations.logs import log_fields
from comfy2runpod_runtime.settings import Settings

log = logging.getLogger(__name__)

_STOP_SECONDS = 10
_LOG_END_SECONDS = 1.0
_LOG_LINES = 200
_POLL_SECONDS = 0.25
# A folder is stale after so many times the job timeout.
_STALE_TIMEOUTS = 24


class ComfyUIProcess:
    """The ComfyUI process. Its output is copied to the worker's log; the last lines are kept for errors.

    Args:
        settings: the worker's settings.
        current_job: returns the job that uses the GPU, to which the lines of the log belong.
    """

    def __init__(self, settings: Settings, current_job: Callable[[], JobLifecycle | None]) -> None:
        self._settings = settings
        self._current_job = current_job
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._tail: deque[str] = deque(maxlen=_LOG_LINES)
        self._outputs = Path(tempfile.gettempdir()) / f"comfy2runpod-outputs-{settings.comfyui_port}"

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._settings.comfyui_port}"

    @property
    def outputs(self) -> Path:
        """The output folder; each job has a folder of its own in it."""
        return self._outputs

    @property
    def inputs(self) -> Path:
        """The input folder: ComfyUI's default, or the one in COMFYUI_ARGS."""
        arguments = shlex.split(self._settings.comfyui_args)
        for index, argument in enumerate(arguments):
            if argument == "--input-directory" and index + 1 < len(arguments):
                return Path(arguments[index + 1])
            if argument.startswith("--input-directory="):
                return Path(argument.partition("=")[2])
        return self._settings.comfyui_dir / "input"

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines of its output."""
        # A copy, since the reader thread may append a line at the same time.
        return tuple(self._tail.copy())

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    async def ensure_running(self, client: ComfyUIClient) -> SystemStats:
        """Starts the process if it does not run, and waits until ComfyUI answers.

        Args:
            client: sends the requests.

        Returns:
            ComfyUI's answer to `/system_stats`.

        Raises:
            ComfyUIUnavailable: ComfyUI ended, or did not answer within COMFYUI_START_TIMEOUT_SECONDS.
        """
        if not self.running:
            await asyncio.to_thread(self._start)
        deadline = asyncio.get_running_loop().time() + self._settings.comfyui_start_timeout_seconds
        while True:
            if not self.running:
                await asyncio.to_thread(self._join_reader)
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
                await asyncio.sleep(_POLL_SECONDS)

    def kill(self, reason: str) -> None:
        """Kills the process and its children, and logs its last lines.

        Args:
            reason: for the log.
        """
        log.error("killing ComfyUI: %s. Its last lines:\n%s", reason, "\n".join(self._tail))
        if self._process is not None:
            self._process.send_signal(END_ALL)
        self.stop()

    def stop(self) -> None:
        """Ends the process: with SIGTERM, and after a while with SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(END_ALL)
            process.wait()
        self._join_reader()

    def _join_reader(self) -> None:
        """Waits until the reader thread has read the last lines."""
        if self._reader is not None:
            self._reader.join(_LOG_END_SECONDS)

    def _start(self) -> None:
        settings = self._settings
        self._tail.clear()
        self._outputs.mkdir(parents=True, exist_ok=True)
        self.inputs.mkdir(parents=True, exist_ok=True)
        for root in (self._outputs, self.inputs):
            self._remove_stale_folders(root / "comfy2runpod")
        command = [
            str(settings.comfyui_python),
            str(settings.comfyui_dir / "main.py"),
            *("--listen", "127.0.0.1", "--port", str(settings.comfyui_port)),
            *("--output-directory", str(self._outputs), "--input-directory", str(self.inputs)),
            # In MB: enough for any image, since images are uploaded as PNG. Fields have their own limits.
            *("--max-upload-size", "1000"),
            # Metadata contains the whole prompt, which would disclose to callers how the endpoint works.
            *("--preview-method", "none", "--disable-auto-launch", "--disable-metadata"),
            *shlex.split(settings.comfyui_args),
        ]
        try:
            if shutil.which(command[0]) is None:
                # Checked here, since the tether process that starts the command cannot report the reason.
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            # The tether kills ComfyUI and all processes that its nodes start when the worker ends. In a session of its
            # own, so that Ctrl+C at a terminal reaches only the worker.
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
        self._reader = threading.Thread(
            target=self._read_output, args=(self._process,), name="comfyui-log", daemon=True
        )
        self._reader.start()

    def _remove_stale_folders(self, jobs: Path) -> None:
        """Removes job folders that killed workers left. Only old ones: other workers may use the same folder."""
        stale_before = time.time() - _STALE_TIMEOUTS * self._settings.job_timeout_seconds
        with suppress(OSError):
            for folder in jobs.iterdir():
                if folder.lstat().st_mtime < stale_before:
                    shutil.rmtree(folder, ignore_errors=True)

    def _read_output(self, process: subprocess.Popen[str]) -> None:
        """Reads the output until it is closed: a full pipe would block the process."""
        if process.stdout is None:
            return
        with process.stdout as lines:
            for line in lines:
                self._tail.append(line.rstrip())
                log.info("comfyui: %s", line.rstrip(), extra=log_fields(self._current_job()))
