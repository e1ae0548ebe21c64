"""Every fault in the real worker loop: the right answer or the right code, a worker fit for the next job, nothing left.

The short run leaves out what takes long; `make faults` causes all.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.standins.comfyui import Behaviour

from .harness import HERE, OURS, Outcome, Rival, Session, judge, run
from .table import FAULTS, SUCCESS, Fault

SHORT = tuple(fault for fault in FAULTS if not fault.long)


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What came of each: caused once, together, for all of xdist's processes."""
    folder: Path = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    known = folder / "faults.json"
    with FileLock(folder / "faults.lock"):
        if not known.exists():
            caused = asyncio.run(run(SHORT, folder / "faults", lanes=6))
            known.write_text(json.dumps({name: dataclasses.asdict(outcome) for name, outcome in caused.items()}))
    return {name: Outcome(**fields) for name, fields in json.loads(known.read_text()).items()}


@pytest.mark.parametrize("fault", SHORT, ids=lambda fault: fault.name)
def test_fault(outcomes: dict[str, Outcome], fault: Fault) -> None:
    assert outcomes[fault.name].faults(fault) == []


def test_there_are_many_and_each_has_a_name_of_its_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 40


def test_many_jobs_with_random_faults_are_each_answered_once() -> None:
    """A slice of `make soak`, in a process of its own."""
    command = [sys.executable, "-m", "tests.faults.soak", "--jobs", "250", "--seed", "7"]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "none lost, none doubled" in done.stdout


def test_any_input_is_answered() -> None:
    """A slice of `make fuzz-input`, in a process of its own."""
    command = [sys.executable, "-m", "tests.faults.fuzz", "--count", "300", "--seed", "3"]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_a_handler_leaves_behind_is_seen(tmp_path: Path) -> None:
    fault = Fault("leaky", "Nothing, but for the handler.", SUCCESS)
    outcome = asyncio.run(run((fault,), tmp_path, Rival("leaky")))["leaky"]
    kinds = {left.split(" ", maxsplit=1)[1 if left[0].isdigit() else 0] for left in outcome.left}
    assert kinds == {"task", "thread", "sockets to ComfyUI", "open files", "file"}, outcome
    assert len(outcome.faults(fault)) == len(outcome.left) > 5


async def test_a_warm_up_runs_before_the_worker_takes_a_job(tmp_path: Path) -> None:
    fault = Fault("warm-up", "A prompt is run before the first job.", SUCCESS, settings={"WARMUP": "on"})
    session = Session(tmp_path / "worker", OURS, fault)
    session.state.behave(Behaviour(seconds=1.0))
    job = session.submit()
    await session.start()
    try:
        assert await session.seen("prompt")
        assert session.queue.taken == {}
        assert judge(await session.result(job))[0] == SUCCESS
        assert len(session.state.seen("prompt")) == 2
        # Nobody asked for the result of the first.
        assert [posted for posted, _, _ in session.queue.results] == [job]
    finally:
        await session.close()
