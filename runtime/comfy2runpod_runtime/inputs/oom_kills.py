"""How many processes the kernel has killed because memory ran out: what tells its kill from a crash."""

from __future__ import annotations

from pathlib import Path

# Of the worker's own control group (versions 2 and 1), else of the whole machine; the first that can be read counts.
_COUNTERS = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
    Path("/proc/vmstat"),
)


def oom_kill_count() -> int | None:
    """The kernel's own count, which only grows; None where no file has it."""
    for file in _COUNTERS:
        try:
            lines = file.read_text("ascii").splitlines()
        except (OSError, ValueError):
            continue
        for line in lines:
            name, _, count = line.partition(" ")
            if name == "oom_kill" and count.strip().isdecimal():
                return int(count)
    return None
