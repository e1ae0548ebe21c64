"""A stand-in for the decoder of images and videos: the real one, but for files whose end says how it is to go wrong.

A file that ends in `STAND-IN:hangs` has a decoder that never returns, and so on: what a flaw of a codec would do with
a file that nobody has made yet.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

MARK = b"STAND-IN:"
# Where the answer goes, once the decoder has said that it is ready.
_to = [0]


def hangs() -> None:
    time.sleep(3600)


def spins() -> None:
    while True:
        pass


def sleeps_deaf() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGXCPU, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(3600)


def spins_deaf() -> None:
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    spins()


def eats() -> None:
    held = []
    while True:
        held.append(bytearray(b"x" * (64 << 20)))


def crashes() -> None:
    ctypes.string_at(0)


def aborts() -> None:
    os.abort()


def is_killed() -> None:
    """As by the kernel, where the machine's memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def floods() -> None:
    while True:
        os.write(_to[0], b"x" * (1 << 20))


def trickles() -> None:
    while True:
        os.write(_to[0], b"x")
        time.sleep(0.01)


def says_nothing() -> None:
    os._exit(0)


def lies() -> None:
    """The beginning of an answer, as a whole one has it."""
    os.write(_to[0], b"P" + (10_000).to_bytes(8, "big") + b"\x89PNG\r\n\x1a\n")
    os._exit(0)


def leaves_a_child() -> None:
    """That spins, and keeps the answer open."""
    if os.fork() == 0:
        spins()
    os._exit(0)


WAYS: dict[str, Callable[[], None]] = {
    way.__name__.replace("_", "-"): way
    for way in (
        hangs, spins, sleeps_deaf, spins_deaf, eats, crashes, aborts, is_killed, floods, trickles, says_nothing, lies,
        leaves_a_child,
    )
}  # fmt: skip


def marked(data: bytes, way: str) -> bytes:
    """A file with which the stand-in goes wrong in a way."""
    return data + MARK + way.encode()


def main() -> None:
    sys.path += sys.argv[3:]
    from comfy2runpod_runtime.inputs import decoder_process  # noqa: PLC0415 - found only now
    from comfy2runpod_runtime.inputs.kinds import KINDS  # noqa: PLC0415 - found only now

    # Of the kind that it is started for: its process has no other's library.
    kind: Any = next(one for one in KINDS if one.kind.name == sys.argv[2])
    real, write = kind.decoder(), decoder_process._write

    def decode(data: bytes, limits: Any) -> Any:
        _, mark, way = data.rpartition(MARK)
        if mark:
            WAYS[way.decode()]()
        return real(data, limits)

    def noted(to: int, *parts: bytes) -> None:
        _to[0] = to
        write(to, *parts)

    kind.decoder = lambda: decode
    decoder_process._write = noted
    decoder_process.main()


if __name__ == "__main__":
    main()
