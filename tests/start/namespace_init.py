"""What happens in a new PID and mount namespace before `start` does: mounts, then the command.

    python namespace_init.py ORDER.json

The order: `mounts`, `command`, and `report`. Without a report, the command becomes process 1, as in an image. With one,
this program stays process 1 above the command, and writes how the command ended and which processes it left behind:
where the command is process 1, the kernel ends those, and nothing can be told of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def main() -> int:
    order: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    for mount in order["mounts"]:
        subprocess.run(["mount", *mount], check=True)
    command = order["command"]
    if order["report"] is None:
        os.execvp(command[0], command)
    child = os.fork()
    if child == 0:
        os.execvp(command[0], command)
    status = 0
    while True:
        pid, ended = os.waitpid(-1, 0)
        if pid == child:
            status = ended
            break
    left = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) != os.getpid():
            state = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            left.append([state, (entry / "cmdline").read_text(errors="replace").replace("\0", " ")])
    code = os.waitstatus_to_exitcode(status)
    Path(order["report"]).write_text(json.dumps({"code": code, "left": left}))
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
