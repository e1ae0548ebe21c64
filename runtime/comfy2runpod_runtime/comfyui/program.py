"""One start of ComfyUI's program: its output is read, and its end is noticed, each on a thread."""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from comfy2runpod_contract.tether import END_ALL, tethered
from comfy2runpod_runtime.job_states import JobLifecycle
from comfy2runpod_runtime.operations.logs import log_fields

log = logging.getLogger(__name__)

# ComfyUI has nothing to save. Process 1 allows an idle worker ten seconds.
_STOP_SECONDS = 3.0
_LOG_END_SECONDS = 1.0
_LOG_LINES = 200


class Program:
    """A running program below a tether, which kills it and all processes that it starts when the worker ends.

    Args:
        command: the program and its arguments.
        environment: its variables.
        current_job: returns the job to which the lines of its output belong.
        on_end: called with this program, on a thread, when it has ended.
        between_jobs: whether it was started although no job waits for it.

    Attributes:
        answered: whether it has answered since it was started.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        current_job: Callable[[], JobLifecycle | None],
        on_end: Callable[[Program], None],
        *,
        between_jobs: bool,
    ) -> None:
        self.between_jobs = between_jobs
        self.answered = False
        self._current_job = current_job
        self._on_end = on_end
        self._tail: deque[str] = deque(maxlen=_LOG_LINES)
        self._ended = threading.Event()
        # In a session of its own, so that Ctrl+C at a terminal reaches only the worker.
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            tethered(command),
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read_output, name="comfyui-log", daemon=True)
        self._reader.start()
        threading.Thread(target=self._watch, name="comfyui-end", daemon=True).start()

    @property
    def pid(self) -> int:
        """The tether's process id: ComfyUI and all that it starts are below it."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return not self._ended.is_set()

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines of its output."""
        # A copy, since the reader thread may append a line at the same time.
        return tuple(self._tail.copy())

    def final_lines(self) -> tuple[str, ...]:
        """The last lines of its output, after its end: waits shortly for what is still being read."""
        self._reader.join(_LOG_END_SECONDS)
        return self.last_lines

    @property
    def how_ended(self) -> str:
        """How it ended, to follow its name in a sentence."""
        code = self._process.returncode
        if code is None or code >= 0:
            return f"ended with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"was ended by {name}" + (" (often because memory ran out)" if name == "SIGKILL" else "")

    def stop(self) -> None:
        """Ends it: with SIGTERM, and after a while with SIGKILL."""
        self._process.terminate()
        if not self._ended.wait(_STOP_SECONDS):
            self.kill()
        self._reader.join(_LOG_END_SECONDS)

    def kill(self) -> None:
        """Kills it and all that it started."""
        self._process.send_signal(END_ALL)
        if not self._ended.wait(_STOP_SECONDS):
            # The tether hears nothing, stopped by somebody: the kernel then kills ComfyUI, and process 1 what is left.
            self._process.kill()
            self._ended.wait()
        self._reader.join(_LOG_END_SECONDS)

    def _watch(self) -> None:
        self._process.wait()
        self._ended.set()
        self._on_end(self)

    def _read_output(self) -> None:
        """Reads the output until it is closed: a full pipe would block the process."""
        if self._process.stdout is None:
            return
        with self._process.stdout as lines:
            for line in lines:
                self._tail.append(line.rstrip())
                log.info("comfyui: %s", line.rstrip(), extra=log_fields(self._current_job()))
