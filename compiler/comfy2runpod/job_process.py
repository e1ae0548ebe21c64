"""A worker's process that runs one job: what it tells while it runs, line by line, and how it is ended."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from comfy2runpod_contract.tether import END_ALL, tethered

# How long a worker that was told to stop has for telling ComfyUI: one that hangs included, all ends within ten seconds.
_STOP_SECONDS = 8.0
_LOOK_SECONDS = 0.5
_CHUNK = 1 << 16
# Of a line that has no end, what comes after is dropped.
_LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class Update:
    """How far a job is: the state that it has reached, or the node that runs and the share of all that were begun.

    `step` of `of` are the node's own; None where it tells none.
    """

    state: str | None = None
    node: str | None = None
    percent: int | None = None
    step: int | None = None
    of: int | None = None


class Listener:
    """Is told of a job that runs. This one does not mind."""

    def update(self, update: Update) -> None:
        """It is so far."""

    def log(self, line: str) -> None:
        """Its worker said this."""


def run_job(command: Sequence[str], environment: Mapping[str, str], listener: Listener) -> int:
    """Runs a worker's command, with `--progress FD` added, and returns its exit code.

    It is in a session of its own: Ctrl-C is ours, and ends the job in ComfyUI too, before it is raised here.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as updates:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own module
                tethered([*command, "--progress", str(writing)]),
                env=environment,
                pass_fds=[writing],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
            )
        finally:
            os.close(writing)
        with process:
            try:
                _listen(process, updates, listener)
                return process.wait()
            except BaseException:
                _stop(process)
                raise


def _listen(process: subprocess.Popen[bytes], updates: IO[bytes], listener: Listener) -> None:
    """Passes the output on until both pipes are closed, or the process has ended and another one has them open."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    with selectors.DefaultSelector() as selector:
        lines = {process.stdout: b"", updates: b""}
        for file in lines:
            selector.register(file, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(_LOOK_SECONDS)
            if not ready and process.poll() is not None:
                return
            for key, _ in ready:
                file = process.stdout if key.fileobj is process.stdout else updates
                chunk = os.read(file.fileno(), _CHUNK)
                if not chunk:
                    selector.unregister(file)
                    chunk = b"\n" if lines[file] else b""
                *whole, rest = (lines[file] + chunk).split(b"\n")
                lines[file] = rest[:_LONGEST_LINE]
                for line in whole:
                    if file is updates:
                        _tell(line, listener)
                    else:
                        listener.log(line.decode("utf-8", "replace").rstrip())


def _tell(line: bytes, listener: Listener) -> None:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return
    if not isinstance(told, dict):
        return
    numbers = {key: told[key] for key in ("percent", "step", "of") if isinstance(told.get(key), int)}
    texts = {key: told[key] for key in ("state", "node") if isinstance(told.get(key), str)}
    listener.update(Update(**texts, **numbers))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Has the worker take its job back from ComfyUI, and ends it."""
    try:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    finally:
        process.send_signal(END_ALL)
