"""A stand-in for ComfyUI, as a program, that starts what a node pack may start: a process that wants to be let alone.

    python comfyui_that_starts_others.py --port N …

The grandchild has a session of its own, has lost its parent, ignores SIGTERM, and keeps our output open.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def main() -> None:
    if os.fork() == 0:
        subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=True)
        os._exit(0)
    os.wait()
    standin = Path(__file__).resolve().parents[1] / "standins" / "comfyui.py"
    sys.argv += ["--state", os.environ["STANDIN_STATE"]]
    runpy.run_path(str(standin), run_name="__main__")


if __name__ == "__main__":
    main()
