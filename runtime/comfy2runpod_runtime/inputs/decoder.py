"""A caller's image in a process of its own: read, decoded, written anew. A program, which `decoders.py` starts.

    python -I -S -B decoder.py PARENT FOLDER…

It brings Pillow and the standard library only, from FOLDERs, says that it is ready, reads one order and one file, and
answers. One image, then it ends: nothing that a file did to it meets another's. PARENT is the worker, with which it
ends. The limits are the kernel's: no file can talk itself out of them.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import struct
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from comfy2runpod_runtime.inputs.limits import ImageLimits

READY = b"+"
# How an answer begins. A PNG's length follows it; the reason of a refusal; nothing.
PNG, REFUSED, OUT_OF_MEMORY = b"P", b"R", b"M"
LENGTH = struct.Struct(">Q")
# Beyond the seconds that are given: the worker counts them too, and says more.
_ALARM_SECONDS = 5
_OPEN_FILES = 16
_LONGEST_ORDER = 10_000


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be decoded, `size` bytes that follow it, and what that may cost: seconds of CPU and in all, bytes."""

    size: int
    cpu_seconds: float
    seconds: float
    memory_bytes: int
    max_bytes: int
    max_pixels: int
    max_aspect: float
    formats: tuple[str, ...]

    def line(self) -> bytes:
        """As it is sent."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Order:
        """As it was sent."""
        read = json.loads(line)
        return cls(**{**read, "formats": tuple(read["formats"])})

    def limits(self) -> ImageLimits:
        """What the field takes."""
        from comfy2runpod_runtime.inputs.limits import ImageLimits  # noqa: PLC0415 - known once the paths are

        return ImageLimits(self.max_bytes, self.max_pixels, self.max_aspect, self.formats)


def main() -> NoReturn:
    """The program."""
    sys.path += sys.argv[2:]
    from comfy2runpod_contract.tether import end_with  # noqa: PLC0415 - found only now

    end_with(int(sys.argv[1]))
    # Where memory runs short, the kernel ends this rather than the worker or ComfyUI.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    # No library's own words stand in an answer.
    answers, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
    from comfy2runpod_runtime.inputs.images import image_png  # noqa: PLC0415 - found only now
    from comfy2runpod_runtime.inputs.refused import InputRefused  # noqa: PLC0415

    _write(answers, READY)
    order = Order.of(sys.stdin.buffer.readline(_LONGEST_ORDER))
    _bound(order)
    data = sys.stdin.buffer.read(order.size)
    try:
        png = image_png(data, order.limits())
    except InputRefused as refused:
        _write(answers, REFUSED, str(refused).encode())
    except MemoryError:
        _write(answers, OUT_OF_MEMORY)
    else:
        _write(answers, PNG, LENGTH.pack(len(png)), png)
    os._exit(0)


def _bound(order: Order) -> None:
    """From now on, in the kernel's hands: what is beyond a limit ends this process."""
    cpu = math.ceil(time.process_time() + order.cpu_seconds)
    for limit, most in (
        (resource.RLIMIT_AS, order.memory_bytes),
        # A file is written nowhere, a core neither.
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
    ):
        # Where a system knows a limit under its name only, or has a lower one.
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    signal.setitimer(signal.ITIMER_REAL, order.seconds + _ALARM_SECONDS)


def _write(to: int, *parts: bytes) -> None:
    for part in parts:
        left = memoryview(part)
        while left:
            left = left[os.write(to, left) :]


if __name__ == "__main__":
    main()
