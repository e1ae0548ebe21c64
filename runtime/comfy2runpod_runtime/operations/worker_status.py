"""What a worker tells process 1 of itself, as lines on a pipe: whether a job would be lost, and why the worker ends."""

from __future__ import annotations

import os
from contextlib import suppress
from enum import StrEnum

_FAILED = "failed"


class WorkerState(StrEnum):
    """What a worker is doing."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"


class WorkerStatus:
    """The worker's end of the pipe.

    Args:
        descriptor: an open file descriptor; None if nobody listens.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        self._state = WorkerState.STARTING

    def change(self, state: WorkerState) -> None:
        """Tells the state, if it is another than before."""
        if state is not self._state:
            self._state = state
            self._tell(state)

    def failed(self, exit_code: int) -> None:
        """Tells the exit code of a worker that cannot go on, since the SDK may end the process with its own."""
        self._tell(f"{_FAILED} {exit_code}")

    def _tell(self, line: str) -> None:
        if self._descriptor is not None:
            # Process 1 may be gone, and this process then ends anyway.
            with suppress(OSError):
                os.write(self._descriptor, f"{line}\n".encode())


class StatusReader:
    """Process 1's end: the last state, and the exit code if the worker has told one."""

    def __init__(self) -> None:
        self.state = WorkerState.STARTING
        self.exit_code: int | None = None
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Takes bytes as they come."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, _, number = line.decode("ascii", "replace").partition(" ")
            if word == _FAILED and number.isdecimal():
                # The first reason counts: what fails afterwards does so because of it.
                self.exit_code = int(number) if self.exit_code is None else self.exit_code
            elif word in {*WorkerState}:
                self.state = WorkerState(word)
