"""Commands under limits of the system, set by a process of their own: a fork of pytest, which has threads, may hang."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterable


def with_largest_file(size: int, command: Iterable[str]) -> list[str]:
    """The command, where no file may be larger than `size` bytes: a disk with little room."""
    return [sys.executable, __file__, "FSIZE", str(size), *command]


if __name__ == "__main__":
    limit, bound = getattr(resource, f"RLIMIT_{sys.argv[1]}"), int(sys.argv[2])
    resource.setrlimit(limit, (bound, bound))
    os.execvp(sys.argv[3], sys.argv[3:])
