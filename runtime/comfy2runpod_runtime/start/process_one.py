"""Process 1 of a worker's container: starts the worker, hands signals on, reaps, and leaves no process behind.

It has one thread and imports little, so that it hears a signal whatever the worker does. The worker, its ComfyUI and
all that they start are below it: on Linux it adopts every orphan, as process 1 and elsewhere.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

from comfy2runpod_contract.tether import (
    END_ALL,
    HANDED_ON,
    adopt_orphans,
    become,
    hear_signals,
    kill_descendants,
    reaped,
)
from comfy2runpod_runtime.exit_codes import BY_SIGNAL, ExitCode
from comfy2runpod_runtime.operations.worker_status import StatusReader, WorkerState

log = logging.getLogger(__name__)

# How long a worker without a job may take to end after a signal; then it is killed.
END_SECONDS = 8.0
# As shells say of a program that SIGTERM has ended.
INTERRUPTED = BY_SIGNAL + signal.SIGTERM
_READ_BYTES = 4096


def supervise(command: Sequence[str], *, ended: int = ExitCode.ENDED) -> int:
    """Runs a worker until it ends.

    Args:
        command: the worker's program and arguments; `--status FD` is added, the pipe of its `WorkerStatus`.
        ended: the exit code if a signal has ended the worker before it was done.

    Returns:
        The exit code of the container.
    """
    signals, _told = hear_signals()
    adopt_orphans()
    status, worker_status = os.pipe()
    ours = os.getpid()
    worker = os.fork()
    if worker == 0:
        os.set_inheritable(worker_status, True)  # noqa: FBT003 - the name says it
        become([*command, "--status", str(worker_status)], ours)
    os.close(worker_status)
    watch = _Watch(worker, signals, status, ended)
    end = watch.run()
    kill_descendants()
    return watch.exit_code(end)


class _Watch:
    """Waits for the worker's end.

    Args:
        worker: its process id.
        signals: where each signal is read as a byte.
        status: where the worker's lines are read.
        ended: the exit code of a worker that a signal has ended.
    """

    def __init__(self, worker: int, signals: int, status: int, ended: int) -> None:
        self._worker = worker
        self._signals = signals
        self._status = status
        self._ended = ended
        self._reader = StatusReader()
        self._told_to_end = False
        self._deadline: float | None = None

    def run(self) -> int | None:
        """Returns the status with which the worker ended; None if it has to be killed."""
        descriptors = [self._signals, self._status]
        while True:
            for pid, status in reaped():
                if pid == self._worker:
                    # What it has told before it ended is still in the pipe.
                    self._read_status()
                    return status
            seconds = None if self._deadline is None else max(0.0, self._deadline - time.monotonic())
            ready, _, _ = select.select(descriptors, [], [], seconds)
            if self._status in ready and not self._read_status():
                descriptors.remove(self._status)
            if self._signals in ready and not self._handle_signals():
                log.error("received SIGQUIT: the worker and all its processes are killed")
                return None
            self._set_deadline()
            if self._deadline is not None and time.monotonic() >= self._deadline:
                log.error("the worker is %s and did not end within %g s: it is killed", self._reader.state, END_SECONDS)
                return None

    def exit_code(self, status: int | None) -> int:
        """The exit code of the container.

        Args:
            status: with which the worker ended; None if it was killed here.
        """
        code = self._exit_code(status)
        reason = ExitCode(code).reason if code in {*ExitCode} else f"ended by signal {code - BY_SIGNAL}"
        log.log(logging.INFO if code == ExitCode.ENDED else logging.ERROR, "exit code %s: %s", code, reason)
        return code

    def _exit_code(self, status: int | None) -> int:
        if self._reader.exit_code is not None:
            return self._reader.exit_code
        if status is None:
            return self._ended if self._deadline is not None else BY_SIGNAL + END_ALL
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGTERM and self._told_to_end:
            return self._ended
        if code == -signal.SIGKILL:
            log.error(
                "the worker's process was killed from outside, often because memory ran out: use a larger machine"
            )
        return BY_SIGNAL - code if code < 0 else code

    def _read_status(self) -> bool:
        """Reads what the worker has told; returns whether there may be more."""
        ready, _, _ = select.select([self._status], [], [], 0)
        data = os.read(self._status, _READ_BYTES) if ready else b""
        self._reader.feed(data)
        return bool(data)

    def _handle_signals(self) -> bool:
        """Hands signals on to the worker; returns False if everything has to end now."""
        with suppress(BlockingIOError):
            for number in os.read(self._signals, _READ_BYTES):
                if number == END_ALL:
                    return False
                if number in HANDED_ON:
                    log.warning("received %s: the worker is told to end", signal.Signals(number).name)
                    self._told_to_end = True
                    # It is not reaped yet, so its number is its own. SIGTERM is the one that the SDK heeds mid-job.
                    os.kill(self._worker, signal.SIGTERM)
        return True

    def _set_deadline(self) -> None:
        """A worker with a job has the job's own time limits; one without has to end soon, also if it cannot go on."""
        to_end = self._told_to_end or self._reader.exit_code is not None
        if not to_end or self._reader.state is WorkerState.BUSY:
            self._deadline = None
        elif self._deadline is None:
            self._deadline = time.monotonic() + END_SECONDS
