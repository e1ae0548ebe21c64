"""How commands end: by Ctrl-C at any moment, with a full disk behind their output, without a reader."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .command import GRAPH, ROOT

pytestmark = pytest.mark.slow

PACKAGE = ROOT / "generated" / "t2i_klein_4b"
SMALL = '{"prompt": "a cat", "width": 64, "height": 64}'
# Where each command is interrupted: moments drawn from the time that it takes at rest.
MOMENTS = int(os.environ.get("MOMENTS", "2"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
_HANG_SECONDS = 120


@dataclass(frozen=True)
class Place:
    """Where a command works, and a server that takes connections and never answers."""

    folder: Path
    silent: str

    @property
    def commands(self) -> dict[str, list[str]]:
        """Every command, as it would be called."""
        folder, graph = self.folder, str(self.folder / "t2v_ltx2.json")
        inputs = folder / "inputs.jsonl"
        inputs.write_text(f"{SMALL}\n" * 40)
        return {
            "help": ["--help"],
            "version": ["-V"],
            "completion": ["completion", "bash"],
            "inspect": ["inspect", graph],
            "annotate": ["annotate", graph, "--title", "Another", "-o", str(folder / "noted.json")],
            "check": ["check", graph],
            "prompt": ["prompt", graph],
            "diff": ["diff", graph, str(PACKAGE)],
            "compile": ["compile", graph, "-o", str(folder / "out")],
            "lock": ["lock", graph],
            "docs": ["docs", str(PACKAGE), "-o", str(folder / "site")],
            "catalog refresh": ["catalog", "refresh", "--from", self.silent],
            "catalog show": ["catalog", "show", "KSampler"],
            "run": ["run", str(PACKAGE), "--input", SMALL, "-o", str(folder / "ran")],
            "serve": ["serve", str(PACKAGE), "--port", "0"],
            "batch": ["batch", f"{self.silent}/v2/x", str(inputs), "-o", str(folder / "batch")],
        }

    def start(self, name: str, **files: object) -> subprocess.Popen[bytes]:
        """A command as a process, in a session of its own, with pipes but for the files that are given."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **files}
        environment = {**os.environ, "RUNPOD_API_KEY": "local", "HF_ENDPOINT": self.silent, "TERM": "xterm"}
        command = [sys.executable, "-m", "comfy2runpod", *self.commands[name]]
        return subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True, **pipes)  # type: ignore[call-overload,no-any-return]


NAMES = [
    "help", "version", "completion", "inspect", "annotate", "check", "prompt", "diff", "compile", "lock", "docs",
    "catalog refresh", "catalog show", "run", "serve", "batch",
]  # fmt: skip
# These go on until they are stopped.
ENDLESS = ("lock", "catalog refresh", "serve", "batch")
PRINTING = [name for name in NAMES if name not in ENDLESS]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    shutil.copy(GRAPH, tmp_path)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield Place(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}")


def _is_ours(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has come so far that signals are ours: Python itself catches no SIGTERM."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("name", NAMES)
def test_ctrl_c_at_any_moment_ends_in_a_line(name: str, place: Place) -> None:
    chance = random.Random(f"{SEED} {name}")
    longest = 2.0
    for _ in range(MOMENTS):
        with place.start(name) as process:
            while process.poll() is None and not _is_ours(process):
                time.sleep(0.002)
            began = time.monotonic()
            time.sleep(chance.uniform(0, longest))
            process.send_signal(signal.SIGINT)
            try:
                out, err = process.communicate(timeout=_HANG_SECONDS)
            finally:
                process.kill()
        ended_itself = process.returncode == 0 and name not in ENDLESS
        assert ended_itself or process.returncode == 130, err
        assert b"Traceback" not in out + err
        assert b"Exception ignored" not in err
        if not ended_itself and name != "batch":
            said = [line for line in err.splitlines() if line.strip() and not _is_told_before(line)]
            assert said in ([], [b"Stopped."]), err
        longest = min(longest, max(0.05, time.monotonic() - began))


def _is_told_before(line: bytes) -> bool:
    """What a command says before it ends: what the simulator is, its progress, warnings of a graph."""
    return line.startswith((b"Simulator:", b"  ")) or line[2:3] == b":" or b"warning[" in line


@pytest.mark.parametrize("name", PRINTING)
def test_a_full_disk_behind_standard_output_is_reported_in_a_line(name: str, place: Place) -> None:
    with Path("/dev/full").open("wb") as full, place.start(name, stdout=full) as process:
        _, err = process.communicate(timeout=_HANG_SECONDS)
    assert process.returncode == 3, err
    said = [line for line in err.splitlines() if line.strip() and not _is_told_before(line)]
    assert said == [b"comfy2runpod: standard output cannot be written: No space left on device"]


@pytest.mark.parametrize("name", PRINTING)
def test_what_cannot_be_said_ends_nothing(name: str, place: Place) -> None:
    with Path("/dev/full").open("wb") as full, place.start(name, stderr=full) as process:
        out, _ = process.communicate(timeout=_HANG_SECONDS)
    assert process.returncode == 0
    assert out


@pytest.mark.parametrize("name", PRINTING)
def test_a_reader_that_leaves_is_no_fault(name: str, place: Place) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed, place.start(name, stdout=closed) as process:
        _, err = process.communicate(timeout=_HANG_SECONDS)
    assert process.returncode == 141, err
    assert [line for line in err.splitlines() if line.strip() and not _is_told_before(line)] == []


def test_closed_standard_streams_are_not_replaced_by_our_files(place: Place) -> None:
    command = f"exec {sys.executable} -m comfy2runpod compile {GRAPH} -o {place.folder}/out 0<&- 1>&- 2>&-"
    assert subprocess.run(command, shell=True, cwd=ROOT, check=False).returncode == 0
    assert (place.folder / "out" / "t2v_ltx2" / "handler.py").read_text().startswith('"""LTX-2')
