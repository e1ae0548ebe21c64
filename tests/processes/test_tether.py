"""The tether: a process that is started through it ends with its parent, with all of its descendants."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from comfy2runpod_contract.tether import END_ALL, tethered

from . import below, left_of, marked, wait_for
from .comfyui_that_starts_others import STUBBORN

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to whom we say")

# Starts two: a child, and a daemon without a parent in a session of its own. Then it waits, and ignores SIGTERM.
FAMILY = f"""
import os, signal, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {STUBBORN!r}])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        exec({STUBBORN!r})
    os._exit(0)
os.wait()
open(sys.argv[1], "w").close()
exec({STUBBORN!r})
"""
# A process that starts a tethered command, and does nothing more.
STARTER = """
import subprocess, sys, time
from comfy2runpod_contract.tether import tethered
with subprocess.Popen(tethered(sys.argv[1:])) as process:
    print(process.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A mark that all who are started from here have; whoever is left at the end is killed."""
    mark = f"TETHER_TEST={uuid.uuid4()}"
    monkeypatch.setenv(*mark.split("="))
    yield mark
    for seen in marked(mark) - {one for one in marked(mark) if one.pid == os.getpid()}:
        os.kill(seen.pid, signal.SIGKILL)


def family(tmp_path: Path) -> list[str]:
    return [sys.executable, "-c", FAMILY, str(tmp_path / "ready")]


def ready(tmp_path: Path) -> None:
    wait_for((tmp_path / "ready").exists)


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_it_ends_as_its_command_ends(code: int) -> None:
    done = subprocess.run(
        tethered([sys.executable, "-c", f"print('said'); exit({code})"]), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (code, b"said\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_it_ends_by_the_signal_that_ended_its_command(number: signal.Signals) -> None:
    done = subprocess.run(
        tethered([sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(number)})"]), check=False
    )
    assert done.returncode == -number


def test_a_command_that_cannot_be_started_is_reported() -> None:
    done = subprocess.run(tethered(["/nowhere/program"]), capture_output=True, check=False)
    assert done.returncode == 127
    assert done.stderr == b"/nowhere/program cannot be started: No such file or directory\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_handed_on(number: signal.Signals, tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen(tethered([sys.executable, "-c", program]), stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(60) == 7


def test_what_a_command_leaves_behind_ends_with_it(tmp_path: Path, mark: str) -> None:
    program = FAMILY.rpartition("exec")[0]
    command = tethered([sys.executable, "-c", program, str(tmp_path / "ready")])
    # Its output is read completely: no process keeps it open.
    assert subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=False).returncode == 0
    assert [one.command for one in marked(mark) if one.pid != os.getpid()] == []


def test_all_of_it_ends_when_it_is_told_to(tmp_path: Path, mark: str) -> None:
    with subprocess.Popen(tethered(family(tmp_path))) as process:
        ready(tmp_path)
        started = below(process.pid)
        assert len(started) == 3
        process.send_signal(END_ALL)
        process.wait(60)
    assert [one.command for one in started if one.alive] == []


def test_a_tether_that_is_killed_takes_its_command_along() -> None:
    with subprocess.Popen(tethered([sys.executable, "-c", STUBBORN])) as process:
        wait_for(lambda: any("SIG_IGN" in one.command for one in below(process.pid)))
        started = below(process.pid)
        process.kill()
        process.wait(60)
    assert left_of(started) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_of_it_ends_with_who_started_it(tmp_path: Path, mark: str, number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER, *family(tmp_path)], stdout=subprocess.PIPE) as process:
        ready(tmp_path)
        started = below(process.pid)
        assert len(started) == 4
        process.send_signal(number)
        process.wait(60)
        assert left_of(started) == []


def test_a_starter_that_is_gone_already_starts_nothing() -> None:
    command = tethered([sys.executable, "-c", "print('ran')"])
    command[command.index(str(os.getpid()))] = "999999999"
    assert subprocess.run(command, capture_output=True, check=False).stdout == b""
