"""`python -m comfy2runpod_runtime.start`: the console script, where it is not installed."""

from __future__ import annotations

import sys

from comfy2runpod_runtime.start.command import main

if __name__ == "__main__":
    sys.exit(main())
