"""A worker with injected readings of memory: they begin at half and grow by a twelfth with each; ComfyUI frees nothing.

As a program, in the package's folder: what `python handler.py` does, but for the readings.
"""

from __future__ import annotations

import itertools
import runpy
import sys
from pathlib import Path

from comfy2runpod_runtime.operations import memory
from comfy2runpod_runtime.operations.memory import Memory

_READINGS = itertools.count(6)


def injected() -> Memory:
    return Memory(min(12, next(_READINGS)), 12)


if __name__ == "__main__":
    memory.host_memory = injected  # type: ignore[assignment]
    sys.path.insert(0, str(Path.cwd()))
    runpy.run_path("handler.py", run_name="__main__")
