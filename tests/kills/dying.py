"""A process that counts its steps on the file system, and ends as by SIGKILL before one of them."""

from __future__ import annotations

import os
import signal
import sys

# What Python tells before it does it; an exchange goes by ctypes, and is told when its address is taken.
_STEPS = ("open", "os.rename", "os.link", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.chown", "os.utime")


class Steps:
    """Counts steps below a folder from here on; before step `at` the process dies (0: it lives)."""

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
