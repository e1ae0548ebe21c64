"""The worker's side of decoding: a process for each image, and whatever a file does costs that process alone.

One that is ready waits for the next image: starting Python and Pillow takes a tenth of a second, which a job that
found one waiting does not see.
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

from comfy2runpod_runtime.inputs.decoder import LENGTH, OUT_OF_MEMORY, PNG, READY, REFUSED, Order
from comfy2runpod_runtime.inputs.limits import ImageLimits
from comfy2runpod_runtime.inputs.refused import InputRefused, megabytes

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("decoder.py")
# In the whole worker, whatever jobs run in it.
_AT_ONCE = 4
_START_SECONDS = 60.0
_STARTS = 2
_CHUNK = 1 << 20
_LONGEST_REASON = 400
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Libraries' own folders, where a system needs them named; nothing else of the worker's environment, with its secrets.
_ENVIRONMENT = ("LD_LIBRARY_PATH",)
# What no file does to its decoder: the kernel when the machine's memory ends, or whoever may end processes.
_FROM_OUTSIDE = frozenset(-one for one in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))


@dataclass(frozen=True, slots=True)
class DecodeRules:
    """What decoding one image may cost: seconds of CPU, seconds in all, bytes of memory."""

    cpu_seconds: float
    seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came of an image: a PNG, or why there is none; and the CPU's seconds that it took."""

    png: bytes | InputRefused
    cpu_seconds: float


class TooCostly(InputRefused):
    """An image that took more than it may, or that ended its decoder."""


class DecoderNotStarted(Exception):
    """The decoder itself does not work here, or is killed by others: no image's fault."""


@dataclass(frozen=True, slots=True)
class _Ended:
    answer: bytearray
    code: int
    cpu_seconds: float
    late: bool
    # Whether the answer has its end because its process had: nobody here ended it.
    by_itself: bool

    def was_killed(self, order: Order) -> bool:
        """Whether somebody else ended it, within all limits that it had."""
        return self.by_itself and self.code in _FROM_OUTSIDE and self.cpu_seconds < order.cpu_seconds


@dataclass(frozen=True, slots=True)
class _Kept:
    loop: asyncio.AbstractEventLoop
    places: asyncio.Semaphore
    # Held, since what is not held is ended at once.
    opened: AsyncGenerator[None, None]


class Decoders:
    """Decodes images, each in a process of its own, as long as the loop runs in which it is called."""

    def __init__(self, rules: DecodeRules) -> None:
        self.rules = rules
        self._spare: _Process | None = None
        self._kept: _Kept | None = None

    async def prepare(self) -> None:
        """Starts a process that the next image finds ready."""
        if self._kept is None or self._kept.loop is not asyncio.get_running_loop():
            opened = self._opened()
            await anext(opened)
            self._kept = _Kept(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE), opened)
        if self._spare is None:
            self._spare = _Process()

    async def decoded(self, data: bytes, limits: ImageLimits, cpu_seconds: float) -> Decoded:
        """An image as `image_png` gives it, or why there is none.

        Raises:
            DecoderNotStarted: no decoder can be started, or each is killed from outside.
            OSError: not even a process.
        """
        await self.prepare()
        if self._kept is None:
            raise AssertionError("it was just prepared")
        rules = self.rules
        order = Order(
            len(data), cpu_seconds, rules.seconds, rules.memory_bytes,
            limits.max_bytes, limits.max_pixels, limits.max_aspect, limits.formats,
        )  # fmt: skip
        async with self._kept.places:
            ended = await self._run(order, data)
        await self.prepare()
        found = _judged(ended, order)
        if isinstance(found, TooCostly):
            log.warning("an image %s (%.1f s of CPU, exit code %s)", found, ended.cpu_seconds, ended.code)
        return Decoded(found, ended.cpu_seconds)

    def close(self) -> None:
        """Ends the process that waits."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.end()

    async def _run(self, order: Order, data: bytes) -> _Ended:
        for left in reversed(range(_STARTS)):
            process, self._spare = self._spare or _Process(), None
            try:
                ended = await asyncio.to_thread(process.run, order, data)
                # An answer that is whole is one, whoever ended it afterwards.
                if not ended.was_killed(order) or isinstance(_judged(ended, order), bytes):
                    return ended
                log.warning("a decoder of images was killed by signal %d, from outside", -ended.code)
                if not left:
                    raise DecoderNotStarted("the decoder of images is killed from outside each time")
            except DecoderNotStarted:
                if not left:
                    raise
            finally:
                # Also when the job is stopped, or its time is up: then the thread finds it dead, and ends too.
                process.end()
        raise AssertionError("the last start returns or raises")

    async def _opened(self) -> AsyncGenerator[None, None]:
        """Whoever ends a loop ends its generators first."""
        try:
            yield
        finally:
            self.close()


class _Process:
    """A decoder: started, used once, ended. Held by numbers alone, which leave nothing to a collector's order."""

    def __init__(self) -> None:
        given, self._into = os.pipe()
        self._out, taken = os.pipe()
        try:
            # In a session of its own, so that whatever it may have started is ended with it.
            process = subprocess.Popen(  # noqa: S603 - our own program
                _command(), stdin=given, stdout=taken, stderr=subprocess.DEVNULL, cwd="/", start_new_session=True,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )  # fmt: skip
        except OSError:
            os.close(self._into)
            os.close(self._out)
            raise
        finally:
            os.close(given)
            os.close(taken)
        self._pid = process.pid
        # It is waited for here, and by nobody else.
        process.returncode = 0
        self._lock = threading.Lock()
        self._code: int | None = None
        self._cpu_seconds = 0.0
        self._in_use = False
        self._closed = False

    def __del__(self) -> None:
        if hasattr(self, "_closed"):
            self.end()

    def run(self, order: Order, data: bytes) -> _Ended:
        """Gives it its order, and waits for its answer, its end, or the end of its time. It has ended afterwards.

        Raises:
            DecoderNotStarted: it ended, or said nothing, before it was ready.
        """
        with self._lock:
            if self._closed:
                raise DecoderNotStarted("it was ended before it was used")
            self._in_use = True
        try:
            if self._exchange(b"", len(READY), _START_SECONDS)[0] != READY:
                raise DecoderNotStarted("the decoder of images does not start")
            most = LENGTH.size + 1 + _most_bytes(order)
            answer, late = self._exchange(order.line() + data, most, order.seconds)
        finally:
            with self._lock:
                self._in_use = False
            self.end()
        code = -signal.SIGKILL if self._code is None else self._code
        return _Ended(answer, code, self._cpu_seconds, late, by_itself=not late and len(answer) < most)

    def end(self) -> None:
        """Kills it and what it may have started, if it has not ended, and gives back what it held."""
        with self._lock:
            if self._code is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._pid, signal.SIGKILL)
                self._code = self._reaped()
            if not self._in_use and not self._closed:
                self._closed = True
                os.close(self._into)
                os.close(self._out)

    def _reaped(self) -> int:
        try:
            _, status, usage = os.wait4(self._pid, 0)
        except ChildProcessError:
            return -signal.SIGKILL
        self._cpu_seconds = usage.ru_utime + usage.ru_stime
        return os.waitstatus_to_exitcode(status)

    def _exchange(self, given: bytes, most: int, seconds: float) -> tuple[bytearray, bool]:
        """Writes and reads until its answer ends, is too long, or the time is up; and whether that was so."""
        left, answer = memoryview(given), bytearray()
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(self._out, selectors.EVENT_READ)
            if left:
                os.set_blocking(self._into, False)
                ready.register(self._into, selectors.EVENT_WRITE)
            while len(answer) < most:
                remaining = until - time.monotonic()
                if remaining <= 0:
                    return answer, True
                for key, _ in ready.select(remaining):
                    if key.fd == self._out:
                        chunk = os.read(self._out, min(_CHUNK, most - len(answer)))
                        if not chunk:
                            return answer, False
                        answer += chunk
                        continue
                    # One that is ending takes no more; its answer says why.
                    with suppress(BlockingIOError):
                        try:
                            left = left[os.write(self._into, left[:_CHUNK]) :]
                        except BrokenPipeError:
                            left = left[:0]
                    if not left:
                        ready.unregister(self._into)
        return answer, False


def _judged(ended: _Ended, order: Order) -> bytes | InputRefused:
    """An answer, believed only as far as it is one."""
    answer, start = memoryview(ended.answer), len(PNG) + LENGTH.size
    kind = answer[: len(PNG)]
    whole = answer[:start] == PNG + LENGTH.pack(max(0, len(answer) - start))
    if whole and answer[start : start + len(_SIGNATURE)] == _SIGNATURE:
        return answer[start:].tobytes()
    if kind == REFUSED:
        return InputRefused(answer[1:].tobytes().decode("utf-8", "replace")[:_LONGEST_REASON])
    anew = "save it anew as a plain PNG or JPEG"
    if kind == OUT_OF_MEMORY:
        return TooCostly(f"needs more than {megabytes(order.memory_bytes)} of memory to be decoded; {anew}")
    if ended.late:
        return TooCostly(f"takes longer than {order.seconds:g} s to be decoded; {anew}")
    if ended.code == -signal.SIGXCPU or ended.cpu_seconds >= order.cpu_seconds:
        return TooCostly(f"takes more than {order.cpu_seconds:g} s of computing to be decoded; {anew}")
    return TooCostly(f"cannot be decoded: it ended its decoder, as damaged files do; {anew}")


def _most_bytes(order: Order) -> int:
    """The longest PNG of an image: what does not compress takes a little more than its pixels."""
    return order.max_pixels * 5 + (1 << 20)


def _command() -> list[str]:
    """By the folders that this process found its own modules in: the decoder looks for no others."""
    found = [find_spec(name) for name in ("comfy2runpod_contract", "comfy2runpod_runtime", "PIL")]
    folders = dict.fromkeys(str(Path(spec.origin).parents[1]) for spec in found if spec is not None and spec.origin)
    return [sys.executable, "-I", "-S", "-B", str(PROGRAM), str(os.getpid()), *folders]
