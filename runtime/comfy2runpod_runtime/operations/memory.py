"""How much of the host's memory is used: of the worker's control group if it has a limit, else of the machine.

    control group, version 2    memory.current, memory.max, memory.stat (`inactive_file`)
    control group, version 1    memory.usage_in_bytes, memory.limit_in_bytes, memory.stat (`total_inactive_file`)
    the machine                 /proc/meminfo (`MemTotal`, `MemAvailable`)

Pages of files that the kernel can drop at once count as free: a model that was read from disk fills them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")
_KILOBYTE = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in bytes: what is used and cannot be dropped, and what there is."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        """The share that is used, 0 to 1."""
        return self.used / self.limit


def host_memory(cgroup: Path = _CGROUP, meminfo: Path = _MEMINFO) -> Memory | None:
    """Returns the memory that the worker may use, by the nearest limit; None where nothing tells it.

    Args:
        cgroup: where the control group's files are.
        meminfo: the machine's numbers.
    """
    machine = _machine(meminfo)
    group = _group(cgroup, "memory.current", "memory.max", "inactive_file") or _group(
        cgroup / "memory", "memory.usage_in_bytes", "memory.limit_in_bytes", "total_inactive_file"
    )
    # Without a limit of its own, a group has a number that is larger than any machine, or `max`.
    if group is not None and (machine is None or group.limit <= machine.limit):
        return group
    return machine


def _group(folder: Path, used_file: str, limit_file: str, droppable: str) -> Memory | None:
    used, limit = _number(folder / used_file), _number(folder / limit_file)
    if used is None or not limit:
        return None
    return Memory(max(0, used - _rows(folder / "memory.stat").get(droppable, 0)), limit)


def _machine(meminfo: Path) -> Memory | None:
    rows = _rows(meminfo)
    total, available = rows.get("MemTotal:"), rows.get("MemAvailable:")
    return None if not total or available is None else Memory((total - available) * _KILOBYTE, total * _KILOBYTE)


def _number(file: Path) -> int | None:
    try:
        text = file.read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdecimal() else None


def _rows(file: Path) -> dict[str, int]:
    try:
        rows = [line.split() for line in file.read_text("ascii").splitlines()]
    except (OSError, ValueError):
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}
