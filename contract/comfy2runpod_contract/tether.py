"""Whatever we start ends with us, however we end: a program between us and what we start.

    python -I -S tether.py PARENT COMMAND…

It starts COMMAND in a session of its own, hands SIGTERM, SIGINT and SIGHUP on to it, and ends as COMMAND ends. What is
left then of what COMMAND started is killed; all of it is killed when PARENT is gone, by SIGKILL too, and on SIGQUIT.

A process that is killed can do nothing, and a child is told of its parent's end only by the kernel and only if it asks
(PR_SET_PDEATHSIG), which goes by the thread that forked and not by the process, and says nothing to grandchildren. So
a process of one thread stands between: on Linux it adopts every orphan below it, and none gets away. Elsewhere those
that made themselves a session of their own do.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

# Of linux/prctl.h.
_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36
_LOOK_SECONDS = 1.0
_KILL_SECONDS = 0.02
_NOT_STARTED = 127
HANDED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# To the tether: end everything now.
END_ALL = signal.SIGQUIT


def tethered(command: Sequence[str]) -> list[str]:
    """The command that starts another one which ends with this process, with all that it starts."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(os.getpid()), *command]


def end_with(parent: int) -> None:
    """Has the kernel kill this process when the thread that started it has ended. Only Linux can.

    Args:
        parent: the process that started this one, which may have ended before this is called.
    """
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> NoReturn:
    """The program."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signals, told = hear_signals()
    adopt_orphans()
    # When a thread of the parent's ends, as all do with it: only a reason to look who the parent is.
    _prctl(_SET_PDEATHSIG, signal.SIGCHLD)
    if os.getppid() != parent:
        sys.exit(_NOT_STARTED)
    ours = os.getpid()
    child = os.fork()
    if child == 0:
        become(command, ours)
    _let_go(signals, told)
    status = _watched(child, parent, signals)
    if status is None or sys.platform != "linux":
        # Its group first, which is all that can be found where orphans are not ours.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
    kill_descendants()
    _end_as(status)


def hear_signals() -> tuple[int, int]:
    """Has each signal that a tether heeds written to a pipe as a byte: waiting for one and for time is one wait.

    Returns:
        The descriptor to read from, and the other end, which is to stay open.
    """
    signals, told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else _pipe()
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in (*HANDED_ON, END_ALL, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return signals, told


def adopt_orphans() -> None:
    """Makes each descendant that loses its parent a child of this process. Only Linux can."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def become(command: Sequence[str], parent: int) -> NoReturn:
    """The child after a fork: the command, in a session of its own, with signals as a program expects to find them.

    Args:
        command: the program and its arguments.
        parent: the process that forked; the child is killed when that ends.
    """
    signal.set_wakeup_fd(-1)
    for number in (*HANDED_ON, END_ALL, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.setsid()
        end_with(parent)
        os.execvp(command[0], [*command])  # noqa: S606 - our own command
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error.strerror}\n".encode(errors="replace"))
    os._exit(_NOT_STARTED)


def _watched(child: int, parent: int, signals: int) -> int | None:
    """The status with which the child ended; None if it has to end now."""
    while True:
        for pid, status in reaped():
            if pid == child:
                return status
        if os.getppid() != parent:
            return None
        select.select([signals], [], [], _LOOK_SECONDS)
        with suppress(BlockingIOError):
            for number in os.read(signals, 1024):
                if number == END_ALL:
                    return None
                if number in HANDED_ON:
                    # It is not reaped yet, so its number is its own.
                    os.kill(child, number)


def kill_descendants() -> None:
    """Kills until no descendant is left: a process that loses its parent becomes our child."""
    while True:
        for pid in _children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for _ in reaped():
            pass
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        time.sleep(_KILL_SECONDS)


def reaped() -> Iterator[tuple[int, int]]:
    """The children that have ended, with the status of each."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            yield pid, status


def _children() -> Iterator[int]:
    """The processes whose parent this one is."""
    ours = os.getpid()
    return (process for process, parent in process_parents() if parent == ours)


def process_parents() -> Iterator[tuple[int, int]]:
    """Each process and its parent, as Linux tells them."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            # `pid (name) state parent …`; the name may hold anything.
            parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
            yield int(folder.name), parent


def _let_go(*kept: int) -> None:
    """Holds none of the pipes that the command was given: their readers wait for the command's end alone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    with suppress(OSError):
        for entry in list(Path("/dev/fd").iterdir()):
            number = int(entry.name)
            if number > 2 and number not in kept:  # noqa: PLR2004 - standard error's
                # The listing's own is closed already.
                with suppress(OSError):
                    os.close(number)


def _end_as(status: int | None) -> NoReturn:
    if status is None:
        os._exit(_NOT_STARTED)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
        # A signal that ends nothing here ended the command there.
        code = 128 - code
    os._exit(code)


def _pipe() -> tuple[int, int]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    return read, write


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        # Where the kernel refuses, what it would do better is done by looking.
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


if __name__ == "__main__":
    main()
