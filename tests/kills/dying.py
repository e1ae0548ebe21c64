"""Runs something that writes, and dies as by kill -9 before its Nth step on the file system below a folder.

python -m tests.kills.dying FOLDER N COMMAND…              the command line
python -m tests.kills.dying FOLDER N package PLACE NAME=TEXT…     a package of these files alone
python -m tests.kills.dying FOLDER N results PLACE NAME=TEXT…     results of a run

N 0: it lives, and its last line says how many steps there were.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

# What Python tells before it does it; an exchange goes by ctypes, and is told when its address is taken.
_STEPS = ("open", "os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.chown", "os.utime")


class Steps:
    """Counts steps from here on."""

    def __init__(self, folder: str, at: int) -> None:
        self.taken = 0
        self._folder = folder
        self._at = at
        sys.addaudithook(self._look)

    def _look(self, event: str, given: tuple[object, ...]) -> None:
        if event == "ctypes.dlsym" and given[-1] == "renameat2":
            self.taken += 1
        elif event in _STEPS and any(
            isinstance(one, (str, bytes)) and self._folder in os.fsdecode(one) for one in given
        ):
            # A file that is opened to be read is no step.
            reads = event == "open" and not int(str(given[2])) & (os.O_WRONLY | os.O_RDWR)
            self.taken += not reads
        else:
            return
        if self.taken == self._at > 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    folder, at, command, *rest = sys.argv[1:]
    if command in {"package", "results"}:
        from comfy2runpod.write import write_package, write_results  # noqa: PLC0415 - the only one that it takes

        steps = Steps(folder, int(at))
        place, *texts = rest
        files = {name: text.encode() for name, text in (one.split("=", 1) for one in texts)}
        if command == "package":
            write_package(files, Path(place))
        else:
            write_results(files, Path(place))
        code = 0
    else:
        from comfy2runpod.cli.app import run  # noqa: PLC0415 - as above

        steps = Steps(folder, int(at))
        code = run([command, *rest])
    if at == "0":
        print(steps.taken)
    return code


if __name__ == "__main__":
    sys.exit(main())
