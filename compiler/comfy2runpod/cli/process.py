"""The process around a command: what Ctrl-C, a full disk behind standard output and a reader that leaves do to it.

Imports nothing but the standard library's smallest: until the first lines here have run, Ctrl-C is Python's.
"""

from __future__ import annotations

import atexit
import errno
import io
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

INTERRUPTED, OUTPUT_LOST, READER_LEFT, TERMINATED = 130, 3, 141, 143
_STDOUT, _STDERR = 1, 2
_SHOW_CURSOR = b"\x1b[?25h"
# Seconds after which an interrupt that arrived where nothing can be raised is raised again.
_AGAIN_SECONDS = 0.01


class OutputLostError(BaseException):
    """Standard output cannot be written any more. Like KeyboardInterrupt no Exception: no handler may catch it."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(reason.strerror or str(reason))
        self.reader_left = reason.errno == errno.EPIPE


def main() -> NoReturn:
    """The console script."""
    _on_signals(_leave)
    _open_standard_files()
    _guard_streams()
    # Python removes our handlers at its very end, and would then die by the signal.
    atexit.register(_on_signals, signal.SIG_IGN)
    sys.unraisablehook = _unraisable
    code = _guarded(_run)
    # Ending takes a moment too.
    _on_signals(_leave)
    code = _guarded(lambda: _flushed(code))
    sys.exit(code)


def _run() -> int:
    from comfy2runpod.cli.front import answer  # noqa: PLC0415 - Ctrl-C is ours already while it is imported

    if (text := answer(sys.argv[1:])) is not None:
        sys.stdout.write(text)
        return 0
    from comfy2runpod.cli.app import run  # noqa: PLC0415 - takes half a second

    if signal.getsignal(signal.SIGINT) is _leave:
        # asyncio handles this one itself.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is _leave:
        signal.signal(signal.SIGTERM, _terminate)
    return run(sys.argv[1:])


def _flushed(code: int) -> int:
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _guarded(work: Callable[[], int]) -> int:
    """The exit code of a function, however it ends."""
    try:
        return work()
    except KeyboardInterrupt:
        # Python would end by the signal itself if the interrupt came through an `exec`, such as a dataclass's; it
        # forgets that with the next.
        exec("")  # noqa: S102
        _say("Stopped.")
        return INTERRUPTED
    except OutputLostError as lost:
        if lost.reader_left:
            return READER_LEFT
        _say(f"comfy2runpod: standard output cannot be written: {lost}")
        return OUTPUT_LOST


def _say(line: str) -> None:
    """One last line; on a terminal it does not stand behind a `^C` or a half of another."""
    if sys.stderr is not None:
        sys.stderr.write(f"{_fresh_line().decode()}{line}\n")
        sys.stderr.flush()


def _on_signals(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # Signals that our parent ignores stay ignored, as under nohup.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Ends the process at once and silently: there is nothing to clean up."""
    try:
        os.write(_STDERR, _fresh_line())
    except OSError:
        pass
    finally:
        os._exit(128 + number)


def _fresh_line() -> bytes:
    """On a terminal: the cursor, which a bar may have hidden, on a line of its own."""
    if not os.isatty(_STDERR):
        return b""
    return b"\n" if os.environ.get("TERM") in ("dumb", None) else _SHOW_CURSOR + b"\n"


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Python prints and then forgets an interrupt in a finalizer: here it is raised again shortly after."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        import threading  # noqa: PLC0415 - see the top

        again = threading.Timer(_AGAIN_SECONDS, signal.raise_signal, [signal.SIGINT])
        again.daemon = True
        again.start()
    elif not isinstance(unraisable.exc_value, OutputLostError):
        sys.__unraisablehook__(unraisable)


def _open_standard_files() -> None:
    """Opens descriptors 0, 1 and 2 if closed: else the next opened file would become standard output."""
    for number in (0, _STDOUT, _STDERR):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _guard_streams() -> None:
    sys.stdout = _text(_STDOUT, sys.stdout, needed=True)
    # A message that cannot be printed must not end the program.
    sys.stderr = _text(_STDERR, sys.stderr, needed=False)


def _text(number: int, before: io.TextIOBase | object, *, needed: bool) -> io.TextIOWrapper:
    encoding = getattr(before, "encoding", None) or "utf-8"
    raw = _Stream(number, needed=needed)
    buffered = io.BufferedWriter(raw)
    # Letters that the terminal lacks are printed as code points.
    return io.TextIOWrapper(buffered, encoding, "backslashreplace", line_buffering=not needed or raw.isatty())


class _Stream(io.RawIOBase):
    """A standard stream that drops further output once writing has failed."""

    def __init__(self, number: int, *, needed: bool) -> None:
        super().__init__()
        self._number = number
        self._needed = needed
        self._lost = False
        self.name = f"<{number}>"

    def write(self, data: ReadableBuffer, /) -> int:
        """Writes a part of the data."""
        while not self._lost:
            try:
                return os.write(self._number, data)
            except BlockingIOError:
                import select  # noqa: PLC0415 - see the top

                select.select([], [self._number], [])
            except OSError as error:
                self._lost = True
                if self._needed:
                    raise OutputLostError(error) from None
        return memoryview(data).nbytes

    def fileno(self) -> int:
        """The file descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._number)

    def writable(self) -> bool:
        """Always true."""
        return True
