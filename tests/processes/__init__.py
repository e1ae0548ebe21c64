"""Finds processes by their parents and by a mark in their environment, from /proc."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

# What the project promises is ten seconds; a machine with thirty busy processes gets more.
GONE_SECONDS = 10.0


@dataclass(frozen=True)
class Seen:
    """A process: its number may be given out again, but not with the same start."""

    pid: int
    started: str
    command: str = field(default="", compare=False)

    @property
    def alive(self) -> bool:
        told = _stat(Path(f"/proc/{self.pid}"))
        return told is not None and told[19] == self.started and told[0] != "Z"


def below(pid: int) -> set[Seen]:
    """All processes that a process has started, and that those have started."""
    parents = {entry: int(told[1]) for entry in Path("/proc").glob("[0-9]*") if (told := _stat(entry))}
    found, level = set(), {pid}
    while level:
        entries = [entry for entry, parent in parents.items() if parent in level]
        level = {int(entry.name) for entry in entries}
        found |= {seen for entry in entries if (seen := _seen(entry)) is not None}
    return found


def started(pid: int, command: str) -> Seen:
    """The one process with a command below a process; waits, since a program's command line is empty as it starts.

    Raises:
        AssertionError: there is none within GONE_SECONDS, or more than one.
    """
    until = time.monotonic() + GONE_SECONDS
    while not (found := [one for one in below(pid) if command in one.command]) and time.monotonic() < until:
        time.sleep(0.01)
    assert len(found) == 1, found
    return found[0]


def marked(mark: str) -> set[Seen]:
    """All processes that have a mark in their environment."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            has = mark.encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if has and (seen := _seen(entry)) is not None:
            found.add(seen)
    return found


def left_of(seen: Iterable[Seen], seconds: float = GONE_SECONDS) -> list[str]:
    """The commands of those that are still there after so long."""
    alive = list(seen)
    until = time.monotonic() + seconds
    while (alive := [one for one in alive if one.alive]) and time.monotonic() < until:
        time.sleep(0.05)
    return [one.command for one in alive]


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    """Until something is so; how long is a guard against hanging only."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it has not come"
        time.sleep(0.05)


def _seen(entry: Path) -> Seen | None:
    told = _stat(entry)
    try:
        command = (entry / "cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return None
    return None if told is None else Seen(int(entry.name), told[19], command)


def _stat(entry: Path) -> list[str] | None:
    """The fields after the name, from the state on."""
    try:
        return (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
