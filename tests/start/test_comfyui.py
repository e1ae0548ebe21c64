"""A ComfyUI that does not start, that keeps ending, or whose port another program has."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.standins.comfyui import PROGRAM, State
from tests.standins.runpod_queue import RunPodQueue

from .conftest import Run
from .container import Container, Place, wait_for


@dataclass(frozen=True)
class Case:
    """How ComfyUI fails to start, with which code the worker ends, and what it says."""

    name: str
    code: int
    says: str
    start: str = "well"
    settings: dict[str, str] = field(default_factory=dict)


STARTS = (
    Case("exits", 17, "ComfyUI ended with exit code 1 while it started", start="exits"),
    Case("hangs", 18, "did not answer within 3 s of its start", start="deaf",
         settings={"COMFYUI_START_TIMEOUT_SECONDS": "3"}),
    Case("no-program", 16, "check COMFYUI_DIR and COMFYUI_PYTHON", settings={"COMFYUI_DIR": "/nowhere"}),
    Case("no-python", 16, "check COMFYUI_DIR and COMFYUI_PYTHON", settings={"COMFYUI_PYTHON": "/nowhere/python"}),
    Case("no-such-option", 17, "ended with exit code", settings={"COMFYUI_ARGS": "--port"}),
)  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=pytest.mark.slice if case.name == "exits" else ()) for case in STARTS],
)
def test_a_comfyui_that_does_not_start_ends_the_worker(case: Case, run: Run, place: Place, queue: RunPodQueue) -> None:
    place.behave(start=case.start)
    queue.submit("first", {"prompt": "a cat"})
    with run(below=True, **case.settings) as container:
        assert container.exit_code() == case.code, container.log[-4000:]
        assert container.left() == []
        assert case.says in container.log
    assert queue.taken == {}
    assert [case.says in reason for reason in queue.unhealthy] == [True]


def test_a_comfyui_that_keeps_ending_between_jobs_ends_the_worker(run: Run, queue: RunPodQueue) -> None:
    with run(below=True) as container:
        container.idle()
        for _ in range(4):
            # It answers nobody yet, and has been started for no job.
            comfyui = container.process("main.py")
            comfyui.send(signal.SIGKILL)
            wait_for(lambda gone=comfyui.pid: container.ended or gone not in {one.pid for one in container.processes()},
                     "its end")  # fmt: skip
        assert container.exit_code() == 20, container.log[-4000:]
        assert container.left() == []
        assert "ended 4 times in a row while no job ran" in container.log


def test_its_end_is_noticed_without_a_poll(run: Run, place: Place) -> None:
    """With polls so rare that none comes: the job runs once more as soon as ComfyUI ended."""
    place.behave(run="hangs")
    with run(POLL_SECONDS="900") as container:
        container.at_work()
        place.behave()
        container.process("main.py").send(signal.SIGKILL)
        container.answers("first")


@contextmanager
def foreign(place: Place, port: int) -> Iterator[State]:
    """Another server on the port, which does all that ComfyUI does, and well."""
    state = State(place.folder / "foreign")
    with subprocess.Popen([sys.executable, str(PROGRAM), "--state", str(state.folder), "--port", str(port)]) as server:
        try:
            yield state
        finally:
            server.kill()


def listens(state: State) -> None:
    wait_for(lambda: (state.folder / "log.jsonl").exists() and state.seen("started"), "the other server")


def test_a_port_that_another_program_has_ends_the_worker(run: Run, place: Place, queue: RunPodQueue) -> None:
    container = run(below=True)
    with foreign(place, container.port) as state:
        listens(state)
        queue.submit("first", {"prompt": "a cat"})
        with container:
            assert container.exit_code() == 19, container.log[-4000:]
            assert container.left() == []
        assert f"another program listens on port {container.port}" in container.log
        assert queue.taken == {}
        assert state.seen("prompt") == []


@pytest.mark.parametrize("moment", ["idle", pytest.param("job", marks=pytest.mark.slice)])
def test_nothing_of_another_server_on_the_port_is_delivered(
    moment: str, run: Run, place: Place, queue: RunPodQueue
) -> None:
    """ComfyUI ends, and another server takes its port before the worker can start it again."""
    place.behave(run="hangs")
    container = run()
    # Stopped, so that the port is taken while the worker cannot do anything about it.
    with container:
        reach(container, moment)
        worker, comfyui = container.process("start.worker"), container.process("main.py")
        worker.send(signal.SIGSTOP)
        comfyui.send(signal.SIGKILL)
        with foreign(place, container.port) as state:
            listens(state)
            worker.send(signal.SIGCONT)
            assert container.exit_code() == 20, container.log[-4000:]
            assert state.seen("prompt") == []
    assert f"another program listens on port {container.port}" in container.log
    if moment == "job":
        (posted,) = queue.of("first")
        assert json.loads(posted["error"])["code"] == "comfyui_unavailable"
        assert posted["stopPod"] is True


@pytest.mark.slice
def test_nothing_is_sent_to_another_server_while_comfyuis_end_is_not_known(
    run: Run, place: Place, queue: RunPodQueue
) -> None:
    """The tether is stopped: the worker cannot know that ComfyUI ended, and only looks at who answers."""
    place.behave(run="hangs")
    container = run(COMFYUI_SILENCE_SECONDS="3", COMFYUI_INTERRUPT_SECONDS="1")
    with container:
        container.at_work()
        tether, comfyui = container.process("tether.py"), container.process("main.py")
        worker = container.process("start.worker")
        for process in (worker, tether):
            process.send(signal.SIGSTOP)
        comfyui.send(signal.SIGKILL)
        with foreign(place, container.port) as state:
            listens(state)
            worker.send(signal.SIGCONT)
            assert container.exit_code() == 20, container.log[-4000:]
            # Neither the prompt nor a word about it.
            assert [event["what"] for event in state.events()] == ["process", "started"]
    assert "Another program answers on the port of this worker's ComfyUI" in container.log
    assert list(queue.of("first")[0]) == ["error", "stopPod"]


def test_another_server_that_is_faster_than_comfyui_ends_the_worker(run: Run, place: Place, queue: RunPodQueue) -> None:
    place.behave(start="gated")
    container = run(below=True)
    queue.submit("first", {"prompt": "a cat"})
    with container:
        container.booting()
        with foreign(place, container.port) as state:
            listens(state)
            place.open_gate()
            assert container.exit_code() == 19, container.log[-4000:]
            assert container.left() == []
            assert state.seen("prompt") == []
    assert queue.taken == {}


def reach(container: Container, moment: str) -> None:
    if moment == "job":
        container.at_work()
    else:
        container.idle()
