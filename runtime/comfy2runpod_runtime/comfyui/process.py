"""The process of the worker's own ComfyUI: started, watched, started again, stopped."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shlex
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from comfy2runpod_runtime.comfyui.peers import Address, PeerCheck, is_held_by, peers_are_known
from comfy2runpod_runtime.comfyui.program import Program
from comfy2runpod_runtime.errors import ComfyUINotStarted, ComfyUIUnavailable
from comfy2runpod_runtime.exit_codes import ExitCode
from comfy2runpod_runtime.job_states import JobLifecycle
from comfy2runpod_runtime.settings import Settings

if TYPE_CHECKING:
    from comfy2runpod_runtime.comfyui.client import ComfyUIClient, SystemStats

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.25
# A folder is stale after so many times the job timeout.
_STALE_TIMEOUTS = 24
# How often in a row ComfyUI may end between jobs, with no job in between, before the worker gives up.
MOST_IDLE_ENDS = 3


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """What a worker adds to how ComfyUI is started.

    Attributes:
        arguments: stand before those of COMFYUI_ARGS.
        environment: variables for ComfyUI alone.
    """

    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class ComfyUIProcess:
    """The worker's own ComfyUI. If it ends between jobs, it is started again at once; during a job, by the job's retry.

    Args:
        settings: the worker's settings.
        options: what is added to them.

    Attributes:
        current_job: returns the job that uses the GPU, to which the lines of the log belong.
        on_give_up: called once, on a thread, with the reason, when ComfyUI keeps ending between jobs.
    """

    def __init__(self, settings: Settings, options: ProcessOptions | None = None) -> None:
        self._settings = settings
        self._options = ProcessOptions() if options is None else options
        self.current_job: Callable[[], JobLifecycle | None] = lambda: None
        self.on_give_up: Callable[[str], None] = lambda _reason: None
        # Of starting and stopping: a job, and the thread that watches the program, may start one.
        self._lock = threading.RLock()
        self._program: Program | None = None
        self._last_lines: tuple[str, ...] = ()
        self._listeners: set[Callable[[], None]] = set()
        self._idle_ends = 0
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
        return self._last_lines if self._program is None else self._program.last_lines

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._program is not None and self._program.running

    @property
    def pid(self) -> int | None:
        """The process below which ComfyUI and all that it starts are; None if none was started."""
        return None if self._program is None else self._program.pid

    @property
    def peer_check(self) -> PeerCheck | None:
        """Whether a connection is one to this process; None where the system does not tell."""
        return self._is_ours if peers_are_known() else None

    def _is_ours(self, local: Address, remote: Address) -> bool:
        program = self._program
        return program is not None and program.running and is_held_by(program.pid, local, remote)

    def start(self) -> None:
        """Starts the process if it does not run. It does not answer yet.

        Raises:
            ComfyUINotStarted: it is not installed, or its port is taken.
        """
        with self._lock:
            if not self.running:
                self._start(between_jobs=False)

    async def ensure_running(self, client: ComfyUIClient) -> SystemStats:
        """Starts the process if it does not run, and waits until ComfyUI answers.

        Args:
            client: sends the requests.

        Returns:
            ComfyUI's answer to `/system_stats`.

        Raises:
            ComfyUINotStarted: ComfyUI cannot be started, ended, or did not answer within COMFYUI_START_TIMEOUT_SECONDS.
        """
        await asyncio.to_thread(self.start)
        deadline = asyncio.get_running_loop().time() + self._settings.comfyui_start_timeout_seconds
        while True:
            program = self._program
            if program is None or not program.running:
                raise await asyncio.to_thread(self._ended_at_start, program)
            try:
                stats = await client.stats()
            except ComfyUIUnavailable:
                if asyncio.get_running_loop().time() > deadline:
                    limit = self._settings.comfyui_start_timeout_seconds
                    log.error("ComfyUI did not answer within %s s:\n%s", limit, "\n".join(program.last_lines))  # noqa: TRY400
                    await asyncio.to_thread(self.stop)
                    raise ComfyUINotStarted(
                        f"ComfyUI did not answer within {limit:g} s of its start; the worker's log has its last lines. "
                        "If it was still loading, raise COMFYUI_START_TIMEOUT_SECONDS.",
                        ExitCode.COMFYUI_SILENT_AT_START,
                    ) from None
                await asyncio.sleep(_POLL_SECONDS)
            else:
                program.answered = True
                if self.current_job() is not None:
                    self._idle_ends = 0
                return stats

    @contextmanager
    def on_end(self, callback: Callable[[], None]) -> Iterator[None]:
        """Calls a function, on a thread, when the process ends in this context, or at once if it does not run.

        Args:
            callback: not called when the worker itself stops the process.
        """
        with self._lock:
            self._listeners.add(callback)
            if not self.running:
                callback()
        try:
            yield
        finally:
            self._listeners.discard(callback)

    def kill(self, reason: str) -> None:
        """Kills the process and its children, and logs its last lines.

        Args:
            reason: for the log.
        """
        log.error("killing ComfyUI: %s. Its last lines:\n%s", reason, "\n".join(self.last_lines))
        with self._lock:
            program = self._take()
        if program is not None:
            program.kill()

    def stop(self) -> None:
        """Ends the process: with SIGTERM, and after a while with SIGKILL."""
        with self._lock:
            program = self._take()
        if program is not None:
            program.stop()

    def _take(self) -> Program | None:
        """Forgets the program, whose end is then no surprise."""
        program, self._program = self._program, None
        if program is not None:
            self._last_lines = program.last_lines
        return program

    def _ended_at_start(self, program: Program | None) -> ComfyUINotStarted:
        lines, how = ("", "was stopped") if program is None else ("\n".join(program.final_lines()), program.how_ended)
        log.error("ComfyUI %s while it started:\n%s", how, lines)
        if self._port_is_taken():
            return self._port_taken()
        return ComfyUINotStarted(
            f"ComfyUI {how} while it started; the worker's log has its last lines.", ExitCode.COMFYUI_ENDED_AT_START
        )

    def _start(self, *, between_jobs: bool) -> None:
        command = self._command()
        try:
            for path in (command[0], command[1]):
                if shutil.which(path) is None and not Path(path).is_file():
                    # Checked here, since the tether process that starts the command cannot report the reason.
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            for folder in (self._outputs, self.inputs):
                folder.mkdir(parents=True, exist_ok=True)
                self._remove_stale_folders(folder / "comfy2runpod")
            if self._port_is_taken():
                raise self._port_taken()
            self._program = Program(
                command,
                {**os.environ, **self._options.environment},
                self._job,
                self._on_end,
                between_jobs=between_jobs,
            )
        except OSError as error:
            log.exception("ComfyUI cannot be started: %s", shlex.join(command))
            raise ComfyUINotStarted(
                f"ComfyUI cannot be started ({error.strerror}): check COMFYUI_DIR and COMFYUI_PYTHON.",
                ExitCode.COMFYUI_NOT_INSTALLED,
            ) from error

    def _command(self) -> list[str]:
        settings = self._settings
        return [
            str(settings.comfyui_python),
            str(settings.comfyui_dir / "main.py"),
            *("--listen", "127.0.0.1", "--port", str(settings.comfyui_port)),
            *("--output-directory", str(self._outputs), "--input-directory", str(self.inputs)),
            # In MB: enough for any image, since images are uploaded as PNG. Fields have their own limits.
            *("--max-upload-size", "1000"),
            # Metadata contains the whole prompt, which would disclose to callers how the endpoint works.
            *("--preview-method", "none", "--disable-auto-launch"),
            *(("--disable-metadata",) if settings.output_metadata == "strip" else ()),
            *self._options.arguments,
            *shlex.split(settings.comfyui_args),
        ]

    def _job(self) -> JobLifecycle | None:
        """The job of the moment: who takes this process over sets the attribute after the program's start."""
        return self.current_job()

    def _on_end(self, program: Program) -> None:
        """Called on a thread when a program has ended, by itself or stopped."""
        with self._lock:
            if program is not self._program:
                return
            listeners, idle = tuple(self._listeners), self.current_job() is None
        for listener in listeners:
            listener()
        if not (program.answered or program.between_jobs):
            # It was still starting, and who waits for it reports that.
            return
        log.error("ComfyUI %s. Its last lines:\n%s", program.how_ended, "\n".join(program.final_lines()))
        if idle:
            self._start_again(program)

    def _start_again(self, ended: Program) -> None:
        self._idle_ends += 1
        if self._idle_ends > MOST_IDLE_ENDS:
            self.on_give_up(
                f"ComfyUI ended {self._idle_ends} times in a row while no job ran; the log has its last lines."
            )
            return
        try:
            with self._lock:
                if self._program is ended:
                    log.warning(
                        "starting ComfyUI again, which no job waits for: %s of %s", self._idle_ends, MOST_IDLE_ENDS
                    )
                    self._start(between_jobs=True)
        except ComfyUINotStarted as error:
            self.on_give_up(error.message)

    def _port_is_taken(self) -> bool:
        """Whether a program listens on the port. ComfyUI itself does not run now."""
        with socket.socket() as probe:
            # As ComfyUI does: connections of an earlier one that are still closing are no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", self._settings.comfyui_port))
                probe.listen()
            except OSError as error:
                return error.errno == errno.EADDRINUSE
            return False

    def _port_taken(self) -> ComfyUINotStarted:
        port = self._settings.comfyui_port
        return ComfyUINotStarted(
            f"ComfyUI cannot be started: another program listens on port {port} of this machine. End it, or set "
            "COMFYUI_PORT to a port that nothing else uses.",
            ExitCode.COMFYUI_PORT_TAKEN,
        )

    def _remove_stale_folders(self, jobs: Path) -> None:
        """Removes job folders that killed workers left. Only old ones: other workers may use the same folder."""
        stale_before = time.time() - _STALE_TIMEOUTS * self._settings.job_timeout_seconds
        with suppress(OSError):
            for folder in jobs.iterdir():
                if folder.lstat().st_mtime < stale_before:
                    shutil.rmtree(folder, ignore_errors=True)
