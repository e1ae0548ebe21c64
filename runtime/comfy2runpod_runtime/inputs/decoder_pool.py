"""The worker's side of decoding: each file is decoded in a process of its own, so a malicious file affects only that.

There is a pool for each kind of media. It keeps one started process in reserve for the next file, since starting Python
and the library that decodes takes a tenth of a second.
"""

from __future__ import annotations

import asyncio
import logging
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from comfy2runpod_contract.wording import megabytes
from comfy2runpod_runtime.inputs.decoder_process import FILE, LENGTH, OUT_OF_MEMORY, READY, REFUSED, DecodeRequest
from comfy2runpod_runtime.inputs.file_input import DecodeLimits, FileInput, InputKind
from comfy2runpod_runtime.inputs.input_errors import DecodeLimitExceeded, MediaRefused
from comfy2runpod_runtime.inputs.oom_kills import oom_kill_count

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("decoder_process.py")
# Of one kind of media in the whole worker, over all jobs.
_MAX_PROCESSES = 4
_START_SECONDS = 60.0
_ATTEMPTS = 2
_CHUNK = 1 << 20
_MAX_REASON_BYTES = 400
# The only environment variables that are passed on: the rest of the worker's environment holds secrets.
_ENVIRONMENT = ("LD_LIBRARY_PATH",)
# Signals that come from the kernel's out-of-memory killer or an operator, rather than from a codec that crashes.
_EXTERNAL_SIGNALS = frozenset(-number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """A file written anew, or why it was refused; and the CPU time that decoding took, in seconds."""

    written: bytes | MediaRefused
    cpu_seconds: float


class DecoderUnavailable(Exception):
    """The decoder cannot be started, or is killed from outside. The file is not at fault."""


@dataclass(frozen=True, slots=True)
class _ProcessResult:
    output: bytearray
    exit_code: int
    cpu_seconds: float
    timed_out: bool
    # Whether the process closed its output by exiting, rather than being killed by us.
    exited: bool

    def was_killed(self, request: DecodeRequest) -> bool:
        """Whether the process was killed from outside, although it was within its limits."""
        return self.exited and self.exit_code in _EXTERNAL_SIGNALS and self.cpu_seconds < request.cpu_seconds


@dataclass(frozen=True, slots=True)
class _LoopState:
    loop: asyncio.AbstractEventLoop
    slots: asyncio.Semaphore
    # A reference, since an unreferenced generator is closed at once.
    cleanup: AsyncGenerator[None, None]


class DecoderPool:
    """Decodes media of one kind, each file in a process of its own, until the event loop that uses it ends.

    Args:
        kind: the kind of media.
        limits: what decoding one file may take.
    """

    def __init__(self, kind: InputKind, limits: DecodeLimits) -> None:
        self.kind = kind
        self.limits = limits
        self._spare: _Process | None = None
        self._state: _LoopState | None = None

    async def prepare(self) -> None:
        """Starts the process that is kept in reserve for the next file."""
        if self._state is None or self._state.loop is not asyncio.get_running_loop():
            cleanup = self._close_with_loop()
            await anext(cleanup)
            self._state = _LoopState(asyncio.get_running_loop(), asyncio.Semaphore(_MAX_PROCESSES), cleanup)
        if self._spare is None:
            self._spare = _Process(self.kind)

    async def decode(self, data: bytes, limits: FileInput, cpu_seconds: float) -> DecodeResult:
        """Decodes a file in a new process, and writes it anew, as the decoder of its kind does.

        Args:
            data: the file.
            limits: what the field accepts, which is of the pool's kind.
            cpu_seconds: CPU time that decoding may take.

        Raises:
            DecoderUnavailable: no decoder can be started, or each is killed from outside. SIGKILL twice, with no kill
                that the kernel counts as for lack of memory, is the file's fault: it is refused.
            OSError: the operating system cannot start a process.
        """
        await self.prepare()
        if self._state is None:
            raise AssertionError("prepare() sets the state")
        request = DecodeRequest(len(data), cpu_seconds, self.limits.seconds, self.limits.memory_bytes, limits)
        async with self._state.slots:
            result = await self._run(request, data)
        await self.prepare()
        written = _parse_output(result, request)
        if isinstance(written, DecodeLimitExceeded):
            log.warning(
                "a file (%s) %s (%.1f s of CPU, exit code %s)",
                self.kind.name, written, result.cpu_seconds, result.exit_code,
            )  # fmt: skip
        return DecodeResult(written, result.cpu_seconds)

    def close(self) -> None:
        """Kills the process in reserve."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.kill()

    async def _run(self, request: DecodeRequest, data: bytes) -> _ProcessResult:
        for attempts_left in reversed(range(_ATTEMPTS)):
            process, self._spare = self._spare or _Process(self.kind), None
            oom_kills = oom_kill_count()
            try:
                result = await asyncio.to_thread(process.run, request, data)
                # A complete result is valid even if the process was killed after it.
                if not result.was_killed(request) or isinstance(_parse_output(result, request), bytes):
                    return result
                log.warning("a decoder (%s) was killed by signal %d, from outside", self.kind.name, -result.exit_code)
                if not attempts_left:
                    if result.exit_code == -signal.SIGKILL and oom_kills is not None and oom_kills == oom_kill_count():
                        return result
                    raise DecoderUnavailable(f"the {self.kind.name} decoder is killed from outside at each attempt")
            except DecoderUnavailable:
                if not attempts_left:
                    raise
            finally:
                # Also if the job is cancelled or timed out: the thread then sees that the process is dead, and returns.
                process.kill()
        raise AssertionError("the last attempt returns or raises")

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        """Closes the pool when the event loop shuts down its asynchronous generators."""
        try:
            yield
        finally:
            self.close()


class _Process:
    """A decoder process, used once. It holds plain file descriptors, so cleanup does not depend on finalizer order."""

    def __init__(self, kind: InputKind) -> None:
        self._kind = kind
        child_stdin, self._stdin = os.pipe()
        self._stdout, child_stdout = os.pipe()
        try:
            # In a session of its own, so that any child processes are killed with it.
            process = subprocess.Popen(  # noqa: S603 - our own program
                _command(kind), stdin=child_stdin, stdout=child_stdout, stderr=subprocess.DEVNULL, cwd="/",
                start_new_session=True, env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )  # fmt: skip
        except OSError:
            os.close(self._stdin)
            os.close(self._stdout)
            raise
        finally:
            os.close(child_stdin)
            os.close(child_stdout)
        self._pid = process.pid
        # `_reap` waits for the process; Popen must not.
        process.returncode = 0
        self._lock = threading.Lock()
        self._exit_code: int | None = None
        self._cpu_seconds = 0.0
        self._in_use = False
        self._closed = False

    def __del__(self) -> None:
        if hasattr(self, "_closed"):
            self.kill()

    def run(self, request: DecodeRequest, data: bytes) -> _ProcessResult:
        """Sends a request and waits for the result, the end of the process, or the time limit. Kills the process.

        Raises:
            DecoderUnavailable: the process ended, or timed out, before it was ready.
        """
        with self._lock:
            if self._closed:
                raise DecoderUnavailable("the decoder was killed before it was used")
            self._in_use = True
        try:
            if self._exchange(b"", len(READY), _START_SECONDS)[0] != READY:
                raise DecoderUnavailable(f"the {self._kind.name} decoder does not start")
            max_bytes = LENGTH.size + 1 + request.limits.max_written_bytes
            output, timed_out = self._exchange(request.to_line() + data, max_bytes, request.seconds)
        finally:
            with self._lock:
                self._in_use = False
            self.kill()
        exit_code = -signal.SIGKILL if self._exit_code is None else self._exit_code
        exited = not timed_out and len(output) < max_bytes
        return _ProcessResult(output, exit_code, self._cpu_seconds, timed_out, exited)

    def kill(self) -> None:
        """Kills the process and its children if they still run, and closes the pipes."""
        with self._lock:
            if self._exit_code is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._pid, signal.SIGKILL)
                self._exit_code = self._reap()
            if not self._in_use and not self._closed:
                self._closed = True
                os.close(self._stdin)
                os.close(self._stdout)

    def _reap(self) -> int:
        try:
            _, status, usage = os.wait4(self._pid, 0)
        except ChildProcessError:
            return -signal.SIGKILL
        self._cpu_seconds = usage.ru_utime + usage.ru_stime
        return os.waitstatus_to_exitcode(status)

    def _exchange(self, data: bytes, max_bytes: int, seconds: float) -> tuple[bytearray, bool]:
        """Writes `data` and reads until end of file, `max_bytes` or the time limit.

        Returns:
            The output, and whether the time limit was reached.
        """
        left, output = memoryview(data), bytearray()
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            if left:
                os.set_blocking(self._stdin, False)
                selector.register(self._stdin, selectors.EVENT_WRITE)
            while len(output) < max_bytes:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return output, True
                for key, _ in selector.select(remaining):
                    if key.fd == self._stdout:
                        chunk = os.read(self._stdout, min(_CHUNK, max_bytes - len(output)))
                        if not chunk:
                            return output, False
                        output += chunk
                        continue
                    # A process that is exiting no longer reads; its output says why.
                    with suppress(BlockingIOError):
                        try:
                            left = left[os.write(self._stdin, left[:_CHUNK]) :]
                        except BrokenPipeError:
                            left = left[:0]
                    if not left:
                        selector.unregister(self._stdin)
        return output, False


def _parse_output(result: _ProcessResult, request: DecodeRequest) -> bytes | MediaRefused:
    """Parses the output of a decoder, which is untrusted: a file written anew, or why the caller's is refused."""
    kind, output, start = request.limits.kind, memoryview(result.output), len(FILE) + LENGTH.size
    tag = output[: len(FILE)]
    complete = output[:start] == FILE + LENGTH.pack(max(0, len(output) - start))
    signature_at = start + kind.signature_at
    if complete and output[signature_at : signature_at + len(kind.signature)] == kind.signature:
        return output[start:].tobytes()
    if tag == REFUSED:
        return MediaRefused(output[1:].tobytes().decode("utf-8", "replace")[:_MAX_REASON_BYTES])
    remedy = kind.remedy
    if tag == OUT_OF_MEMORY:
        return DecodeLimitExceeded(f"needs more than {megabytes(request.memory_bytes)} of memory to decode; {remedy}")
    if result.timed_out:
        return DecodeLimitExceeded(f"takes longer than {request.seconds:g} s to decode; {remedy}")
    if result.exit_code == -signal.SIGXCPU or result.cpu_seconds >= request.cpu_seconds:
        return DecodeLimitExceeded(f"takes more than {request.cpu_seconds:g} s of CPU time to decode; {remedy}")
    return DecodeLimitExceeded(f"cannot be decoded: it crashed the decoder, as damaged files do; {remedy}")


def _command(kind: InputKind) -> list[str]:
    """The command: the decoder imports only from the folders of these packages."""
    found = [find_spec(name) for name in ("comfy2runpod_contract", "comfy2runpod_runtime", kind.library)]
    folders = dict.fromkeys(str(Path(spec.origin).parents[1]) for spec in found if spec is not None and spec.origin)
    return [sys.executable, "-I", "-S", "-B", str(PROGRAM), str(os.getpid()), kind.name, *folders]
