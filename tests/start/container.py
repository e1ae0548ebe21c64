"""A container that is none: `start` in PID and mount namespaces of its own, and what goes on in them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.patience import HANG_SECONDS
from tests.standins.comfyui import PROGRAM, Behaviour, State
from tests.standins.runpod_queue import RunPodQueue
from tests.standins.serving import free_port

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "runtime" / "package"
MODEL = "tiny.safetensors"
JOB = {"prompt": "a cat", "frame_count": 9}
# Bounds made small, so that the cases take minutes and not hours.
SETTINGS = {
    "POLL_SECONDS": "0.3",
    "REQUEST_TIMEOUT_SECONDS": "20",
    "COMFYUI_START_TIMEOUT_SECONDS": str(HANG_SECONDS),
    "LOG_FORMAT": "text",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def namespaces_work() -> bool:
    """Whether this machine lets us make namespaces and mount in them."""
    probe = "mount -t tmpfs tmpfs /tmp && test $$ = 1"
    command = [*_UNSHARE, "sh", "-c", probe]
    return (
        shutil.which("unshare") is not None
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


_UNSHARE = ("unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child")


def wait_for(what: Callable[[], object], why: str, seconds: float = HANG_SECONDS) -> None:
    """Until something is so; how long is a guard against hanging."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"it has not come: {why}"
        time.sleep(0.03)


@dataclass
class Process:
    """A process of the container: its number outside, its parent's, its state and its command."""

    pid: int
    parent: int
    state: str
    command: str

    @property
    def there(self) -> bool:
        """Whether it still runs, or waits to be reaped."""
        return Path(f"/proc/{self.pid}").exists()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


@dataclass
class Place:
    """A package, a ComfyUI and a volume's folder, for one container or several."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("tmp", "comfyui/input", "volume"):
            (self.folder / name).mkdir(parents=True)
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        self.state = State(self.folder / "state")
        self.main = self.folder / "comfyui" / "main.py"
        self.main.write_text(
            f"import runpy, sys\nsys.path.insert(0, {str(HERE.parents[1])!r})\n"
            f"sys.argv += ['--state', {str(self.state.folder)!r}]\n"
            f"runpy.run_path({str(PROGRAM)!r}, run_name='__main__')\n"
        )
        self.write_lock()

    @property
    def package(self) -> Path:
        return self.folder / "app"

    @property
    def volume(self) -> Path:
        return self.folder / "volume"

    @property
    def model(self) -> Path:
        """Where the model lies, or its partial file beside it."""
        return self.volume / "models" / "checkpoints" / MODEL

    @property
    def part(self) -> Path:
        return self.model.with_name(f"{MODEL}.part")

    def write_lock(self, *models: dict[str, Any]) -> None:
        lock = {"version": 1, "folders": [], "models": list(models)}
        (self.package / "models.lock.json").write_text(json.dumps(lock))

    def open_gate(self) -> None:
        self.state.open_gate()

    def behave(self, **behaviour: Any) -> None:
        self.state.behave(Behaviour(**{"seconds": 0.05, **behaviour}))


@dataclass
class Container:
    """One `start`.

    Attributes:
        place: what it runs.
        queue: RunPod's.
        mounts: the arguments of `mount`, in order.
        settings: further variables.
        below: whether something else is process 1, which tells what `start` leaves behind.
        arguments: after `start`.
    """

    place: Place
    queue: RunPodQueue
    mounts: Sequence[Sequence[str]] = ()
    settings: dict[str, str] = field(default_factory=dict)
    below: bool = False
    arguments: Sequence[str] = ()
    name: str = "one"

    def __post_init__(self) -> None:
        self.port = free_port()
        self.log_file = self.place.folder / f"{self.name}.log"
        self.order = self.place.folder / f"{self.name}.json"
        self.report = self.place.folder / f"{self.name}.report"
        self._unshare: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.report.unlink(missing_ok=True)
        start = [sys.executable, "-m", "comfy2runpod_runtime.start", "start", "--package", str(self.place.package)]
        order = {
            "mounts": [list(mount) for mount in self.mounts],
            "command": [*start, *self.arguments],
            "report": str(self.report) if self.below else None,
        }
        self.order.write_text(json.dumps(order))
        with self.log_file.open("wb") as log:
            self._unshare = subprocess.Popen(
                [*_UNSHARE, sys.executable, str(HERE / "namespace_init.py"), str(self.order)],
                env=self._environment(), cwd=self.place.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        assert self._unshare is not None
        there = below(self._unshare.pid)
        with suppress(ProcessLookupError):
            os.killpg(self._unshare.pid, signal.SIGKILL)
        self._unshare.wait(HANG_SECONDS)
        # Its poll is open as long as it is there.
        wait_for(lambda: not [one for one in there if one.there], "the container's end")

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("RUNPOD_", "COMFYUI_", "MODELS_", "HF_TOKEN"))
        }  # fmt: skip
        return {
            **kept,
            **SETTINGS,
            **self.queue.environment(),
            "TMPDIR": str(self.place.folder / "tmp"),
            "COMFYUI_DIR": str(self.place.main.parent),
            "COMFYUI_PYTHON": sys.executable,
            "COMFYUI_PORT": str(self.port),
            "VOLUME_DIR": str(self.place.volume),
            "MODELS_DIR": str(self.place.folder / "volume" / "models"),
            **self.settings,
        }

    # -- what goes on in it --------------------------------------------------------------------------------------------

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def inside(self, path: Path) -> Path:
        """A path as the container's mounts have it."""
        return Path(f"/proc/{self.one.pid}/root") / path.relative_to("/")

    @property
    def ended(self) -> bool:
        assert self._unshare is not None
        return self._unshare.poll() is not None

    def exit_code(self, seconds: float = HANG_SECONDS) -> int:
        """Waits for its end; a signal's is negative."""
        assert self._unshare is not None
        try:
            code = self._unshare.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it has not ended:\n{self.log[-4000:]}") from None
        return json.loads(self.report.read_text())["code"] if self.below else code

    def left(self) -> list[list[str]]:
        """What `start` left behind: states and commands. Only where it was not process 1."""
        return json.loads(self.report.read_text())["left"]

    @property
    def one(self) -> Process:
        """The process of `start` itself."""
        assert self._unshare is not None
        wait_for(lambda: _children(self._unshare.pid), "process 1")  # type: ignore[union-attr]
        (top,) = _children(self._unshare.pid)
        if not self.below:
            return top

        def started() -> list[Process]:
            return [child for child in _children(top.pid) if "comfy2runpod_runtime.start start" in child.command]

        wait_for(started, "start")
        return started()[0]

    def processes(self) -> list[Process]:
        """All below `start`, zombies among them."""
        return below(self.one.pid)

    def process(self, word: str) -> Process:
        """The one with a word in its command: `start.worker`, `main.py`, `tether.py`."""

        def those() -> list[Process]:
            # A tether's command holds that of what it starts; a fork of the worker, such as the SDK's ping, has its.
            all_of_them = self.processes()
            named = [
                one
                for one in all_of_them
                if word in one.command and ("tether.py" in one.command) == (word == "tether.py")
            ]
            above = {one.pid for one in named}
            return [one for one in named if one.parent not in above]

        wait_for(lambda: len(those()) == 1 or self.ended, f"a process {word}")
        (found,) = those()
        return found

    def check_no_zombies(self) -> None:
        """A process that has ended is reaped; it may be a zombie for a moment."""
        wait_for(lambda: not [one for one in self.processes() if one.state == "Z"], "no zombies", 20)

    # -- how far it has come -------------------------------------------------------------------------------------------

    def idle(self) -> None:
        self._reached(lambda: self.queue.polls > 0, "a poll for jobs")

    def booting(self) -> None:
        self._reached(lambda: (self.place.state.folder / "log.jsonl").exists() and self.place.state.seen("process"),
                      "ComfyUI's process")  # fmt: skip

    def provisioning(self) -> None:
        part = self.inside(self.place.part)
        self._reached(lambda: part.exists() and part.stat().st_size, "a part of the model")

    def at_work(self, job: str = "first") -> None:
        self.queue.submit(job, JOB)
        self._reached(lambda: self.place.state.seen("prompt"), "a prompt")

    def stays_so(self, what: Callable[[], object], seconds: float = 1.0) -> None:
        """Something does not change for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            assert what()
            time.sleep(0.05)

    def answers(self, job: str) -> None:
        """A job is done, and well."""
        if job not in {*self.queue.taken, *(waiting["id"] for waiting in self.queue.waiting)}:
            self.queue.submit(job, JOB)
        self._reached(lambda: self.queue.of(job), f"the result of {job}")
        assert "output" in self.queue.of(job)[0], self.queue.of(job)

    def _reached(self, what: Callable[[], object], why: str) -> None:
        wait_for(lambda: what() or self.ended, why)
        assert what(), f"it ended before {why}:\n{self.log[-6000:]}"


def below(pid: int) -> list[Process]:
    found, left = [], [pid]
    while left:
        children = _children(left.pop())
        found += children
        left += [child.pid for child in children]
    return found


def _children(pid: int) -> list[Process]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            if int(parent) == pid:
                command = (entry / "cmdline").read_text(errors="replace").replace("\0", " ")
                found.append(Process(int(entry.name), pid, state, command))
    return found
