"""The decoder program: decodes and re-encodes one caller's file. `decoder_pool.py` starts a process for each file.

    python -I -S -B decoder_process.py PARENT_PID KIND FOLDER…

It imports only the standard library and the library of the KIND, from the FOLDERs. It writes READY, reads one request
and one file from standard input, writes the result to standard output, and exits. A process decodes one file only, so a
malicious file cannot affect another caller's. It is killed when the worker, PARENT_PID, ends. The kernel enforces the
limits.
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
    from comfy2runpod_runtime.inputs.file_input import FileInput

READY = b"+"
# The first byte of a result. FILE: its length and the file follow. REFUSED: the reason follows. OUT_OF_MEMORY: nothing.
FILE, REFUSED, OUT_OF_MEMORY = b"P", b"R", b"M"
LENGTH = struct.Struct(">Q")
# Added to the time limit: the worker enforces the limit itself, with a better message.
_ALARM_SECONDS = 5
_OPEN_FILES = 16
_MAX_REQUEST_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """One line of JSON that precedes the file: its size in bytes, the process's limits, and the field's limits.

    Attributes:
        size: bytes of the file, which follows.
        cpu_seconds: CPU time to decode it.
        seconds: wall-clock time to decode it.
        memory_bytes: the address space of the process.
        limits: what the field accepts.
    """

    size: int
    cpu_seconds: float
    seconds: float
    memory_bytes: int
    limits: FileInput

    def to_line(self) -> bytes:
        """Serializes the request."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes, kind: type[FileInput]) -> DecodeRequest:
        """Parses a serialized request, whose limits are of the given kind."""
        read = json.loads(line)
        field = read["limits"]
        return cls(**{**read, "limits": kind(**{**field, "formats": tuple(field["formats"])})})


def main() -> NoReturn:
    """Runs the program."""
    sys.path += sys.argv[3:]
    from comfy2runpod_contract.tether import end_with  # noqa: PLC0415 - importable only after sys.path is set

    end_with(int(sys.argv[1]))
    # If memory runs short, the kernel kills this process before the worker or ComfyUI.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    # What a library prints must not get into the result.
    output, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    from comfy2runpod_runtime.inputs.input_errors import MediaRefused  # noqa: PLC0415 - as above
    from comfy2runpod_runtime.inputs.kinds import KINDS  # noqa: PLC0415

    (kind,) = (one for one in KINDS if one.kind.name == sys.argv[2])
    decode = kind.decoder()
    _write(output, READY)
    request = DecodeRequest.from_line(sys.stdin.buffer.readline(_MAX_REQUEST_BYTES), kind)
    _apply_limits(request)
    data = sys.stdin.buffer.read(request.size)
    try:
        written = decode(data, request.limits)
    except MediaRefused as refused:
        _write(output, REFUSED, str(refused).encode())
    except MemoryError:
        _write(output, OUT_OF_MEMORY)
    else:
        _write(output, FILE, LENGTH.pack(len(written)), written)
    os._exit(0)


def _apply_limits(request: DecodeRequest) -> None:
    """Sets resource limits: the kernel kills this process if it exceeds one."""
    cpu = math.ceil(time.process_time() + request.cpu_seconds)
    for limit, most in (
        (resource.RLIMIT_AS, request.memory_bytes),
        # It writes no files and no core dump.
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
    ):
        # The system may not support a limit, or have a lower one.
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    signal.setitimer(signal.ITIMER_REAL, request.seconds + _ALARM_SECONDS)


def _write(file: int, *parts: bytes) -> None:
    for part in parts:
        left = memoryview(part)
        while left:
            left = left[os.write(file, left) :]


if __name__ == "__main__":
    main()
