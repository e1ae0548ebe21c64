"""A worker process under test: any handler in the real `runpod` loop, with a probe that reports its resources.

    python drive.py ours PACKAGE
    python drive.py worker-comfyui CHECKOUT      (and what its start.sh does: ComfyUI started, its pid in a file)
    python drive.py nothing -                    (a handler that does nothing)
    python drive.py leaky -                      (a handler that leaves everything behind, to try the probe)

On SIGUSR1 the probe writes the names of tasks and threads to PROBE_FILE.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any


def probe(_signal: int, _frame: object) -> None:
    try:
        tasks = [getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks()]
    except RuntimeError:
        tasks = []
    held = {"tasks": sorted(tasks), "threads": sorted(thread.name for thread in threading.enumerate())}
    new = Path(os.environ["PROBE_FILE"] + ".new")
    new.write_text(json.dumps(held))
    new.replace(os.environ["PROBE_FILE"])


def note_starts(file: Path) -> None:
    """Has every handler note when it is called: the SDK waits up to 0.1 s before, which is not the handler's time."""
    import runpod  # noqa: PLC0415 - it reads the environment at import

    start = runpod.serverless.start

    def noting(config: dict[str, Any]) -> None:
        handler = config["handler"]

        def note(job: dict[str, Any]) -> None:
            with file.open("a") as out:
                out.write(json.dumps([job["id"], time.monotonic()]) + "\n")

        async def later(job: dict[str, Any]) -> Any:
            note(job)
            return await handler(job)

        def now(job: dict[str, Any]) -> Any:
            note(job)
            return handler(job)

        start({**config, "handler": later if inspect.iscoroutinefunction(handler) else now})

    runpod.serverless.start = noting


def jump(seconds: float) -> None:
    """A wall clock that is set forward and back at every other look."""
    real, ahead = time.time, itertools.cycle((0.0, seconds))
    time.time = lambda: real() + next(ahead)


_LEFT: list[object] = []


async def leaky(job: dict[str, object]) -> dict[str, object]:
    """Leaves a task, a thread, a socket to ComfyUI, an open file and a file on disk."""
    _LEFT.append(asyncio.create_task(asyncio.sleep(3600)))
    thread = threading.Thread(target=threading.Event().wait, name="left-behind", daemon=True)
    thread.start()
    host, _, port = os.environ["FAULT_COMFYUI"].partition(":")
    _LEFT.append(socket.create_connection((host, int(port))))
    handle, name = tempfile.mkstemp(prefix="left-")
    _LEFT.append((thread, handle, name))
    return {"image": PIXEL}


# One white pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="


def main() -> None:
    signal.signal(signal.SIGUSR1, probe)
    if limit := os.environ.get("FAULT_FILE_SIZE"):
        # The nearest to a full disk that needs no disk: a write beyond it fails.
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if clock := os.environ.get("FAULT_CLOCK_JUMPS"):
        jump(float(clock))
    if starts := os.environ.get("STARTS_FILE"):
        note_starts(Path(starts))
    kind, folder = sys.argv[1], Path(sys.argv[2])
    sys.argv[:] = ["handler.py"]
    if kind == "ours":
        if program := os.environ.get("FAULT_DECODER"):
            from comfy2runpod_runtime.inputs import decoder_pool  # noqa: PLC0415 - of our worker alone

            decoder_pool.PROGRAM = Path(program)
        sys.path.insert(0, str(folder))
        runpy.run_path(str(folder / "handler.py"), run_name="__main__")
        return
    import runpod  # noqa: PLC0415 - it reads the environment at import

    if kind == "nothing":
        runpod.serverless.start({"handler": lambda job: {"given": job["input"]}})
        return
    if kind == "leaky":
        runpod.serverless.start({"handler": leaky})
        return
    sys.path[:0] = [str(folder), str(folder / "src")]
    import handler  # noqa: PLC0415 - found only now

    handler.COMFY_HOST = os.environ["FAULT_COMFYUI"]
    handler.COMFY_PID_FILE = os.environ["PROBE_FILE"] + ".pid"
    if command := os.environ.get("FAULT_COMFYUI_COMMAND"):
        process = subprocess.Popen(json.loads(command))
        # As bash does in start.sh: a dead ComfyUI is no zombie, whose pid would seem to live.
        threading.Thread(target=process.wait, name="reaper", daemon=True).start()
        Path(handler.COMFY_PID_FILE).write_text(str(process.pid))
    runpod.serverless.start({"handler": handler.handler})


if __name__ == "__main__":
    main()
