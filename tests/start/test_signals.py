"""Signals at each moment of a worker's life: what becomes of the container, of its job and of a partial download.

docs/worker-start.md has this table for people.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.patience import HANG_SECONDS
from tests.runtime.hub_standin import HubStandIn
from tests.standins.runpod_queue import RunPodQueue

from .conftest import CONTENT, Run
from .container import Container, Place, wait_for

TERM, KILL, INT, HUP, QUIT = signal.SIGTERM, signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT
# A guard against hanging that is shorter than the SDK's polls, which must not hold a worker up.
END_SECONDS = 60.0
GOES_ON = None
# Process 1 has no exit code of its own then.
KILLED = -int(KILL)


@dataclass(frozen=True)
class Phase:
    """A moment: how a container comes to it, and how it gets past it."""

    name: str
    reach: Callable[[Container], None]
    comfyui: str = "well"
    has_job: bool = False


PROVISIONING = Phase("provisioning", Container.provisioning)
BOOTING = Phase("booting", Container.booting, comfyui="gated")
IDLE = Phase("idle", Container.idle)
JOB = Phase("job", Container.at_work, has_job=True)
PHASES = (PROVISIONING, BOOTING, IDLE, JOB)


@dataclass(frozen=True)
class Case:
    """A signal to a process in a phase. `code`: the container's exit code, KILLED, or GOES_ON."""

    phase: Phase
    number: signal.Signals
    to: str = "one"
    code: int | None = 0
    answered: bool = True

    @property
    def name(self) -> str:
        return f"{self.number.name}-{self.to}-{self.phase.name}"


CASES = (
    *(Case(phase, TERM) for phase in PHASES),
    *(Case(phase, KILL, code=KILLED, answered=False) for phase in PHASES),
    *(Case(phase, number) for phase in (IDLE, JOB) for number in (INT, HUP)),
    Case(BOOTING, INT),
    Case(JOB, QUIT, code=128 + QUIT, answered=False),
    Case(IDLE, QUIT, code=128 + QUIT),
    # A worker that the kernel kills because memory ran out.
    *(Case(phase, KILL, "start.worker", code=128 + KILL, answered=False) for phase in PHASES),
    # ComfyUI: started again where it was up, and the worker ends where it never was.
    Case(BOOTING, KILL, "main.py", code=17),
    Case(IDLE, KILL, "main.py", code=GOES_ON),
    Case(JOB, KILL, "main.py", code=GOES_ON),
    Case(IDLE, KILL, "tether.py", code=GOES_ON),
    Case(IDLE, TERM, "main.py", code=GOES_ON),
)
SLICE = {"SIGTERM-one-provisioning", "SIGTERM-one-idle", "SIGTERM-one-job", "SIGKILL-main.py-job"}


def marked(names: set[str], cases: tuple[Case, ...]) -> list[object]:
    return [pytest.param(case, id=case.name, marks=[pytest.mark.slice] if case.name in names else []) for case in cases]


@pytest.fixture
def slow(hub: HubStandIn, place: Place) -> Callable[[Phase], None]:
    def made(phase: Phase) -> None:
        hub.seconds_per_megabyte = 20.0 if phase is PROVISIONING else 0.0
        place.behave(start=phase.comfyui, seconds=4.0 if phase.has_job else 0.05)

    return made


@pytest.mark.parametrize("case", marked(SLICE, CASES))
@pytest.mark.usefixtures("locked")
def test_signal(
    case: Case, run: Run, place: Place, queue: RunPodQueue, hub: HubStandIn, slow: Callable[[Phase], None]
) -> None:
    slow(case.phase)
    # A container whose process 1 is killed takes all along: only elsewhere is there something to see.
    with run(below=case.to == "one" and case.number is not KILL) as container:
        case.phase.reach(container)
        target = container.one if case.to == "one" else container.process(case.to)
        if case.phase is JOB and case.to == "main.py":
            # The second attempt finds all well.
            place.behave()
        before = container.processes()
        target.send(case.number)
        if case.code is GOES_ON:
            container.answers("first" if case.phase.has_job else "next")
            container.check_no_zombies()
            assert not container.ended
            return
        # A worker that ends for a reason of its own may still be importing the SDK, which tells RunPod.
        code = container.exit_code(END_SECONDS if case.to == "one" else HANG_SECONDS)
        if case.code == KILLED:
            wait_for(lambda: not [one for one in before if one.there], "the end of all processes", END_SECONDS)
        else:
            assert code == case.code, container.log[-4000:]
        if container.below:
            assert container.left() == []
    job = queue.of("first")
    if case.phase.has_job:
        assert [list(body) for body in job] == ([["output"]] if case.answered else [])
    else:
        assert job == []
    if case.phase is PROVISIONING:
        resumed(run, place, hub)


def resumed(run: Run, place: Place, hub: HubStandIn) -> None:
    """The next start continues where the last one was ended."""
    have = place.part.stat().st_size
    assert 0 < have < len(CONTENT)
    assert not place.model.exists()
    hub.seconds_per_megabyte = 0.0
    with run(name="again") as container:
        container.idle()
    assert place.model.read_bytes() == CONTENT
    assert hub.downloads()[-1] == f"bytes={have}-"


STOPS = tuple(
    Case(phase, signal.SIGSTOP, to, code=GOES_ON)
    for phase in PHASES
    for to in ("one", "start.worker", *(("main.py",) if phase is not PROVISIONING else ()))
)


@pytest.mark.parametrize("case", marked({"SIGSTOP-main.py-job"}, STOPS))
@pytest.mark.usefixtures("locked")
def test_stopped_and_continued(case: Case, run: Run, place: Place, queue: RunPodQueue, hub: HubStandIn,
                               slow: Callable[[Phase], None]) -> None:  # fmt: skip
    slow(case.phase)
    with run() as container:
        case.phase.reach(container)
        target = container.one if case.to == "one" else container.process(case.to)
        target.send(signal.SIGSTOP)
        hub.seconds_per_megabyte = 0.0
        place.open_gate()
        queue.submit("next", {"prompt": "a cat", "frame_count": 9})
        if case.to != "one" and not (case.phase.has_job and case.to == "start.worker"):
            # What is stopped takes and answers nothing.
            container.stays_so(lambda: not queue.of("next"))
        target.send(signal.SIGCONT)
        if case.phase.has_job:
            container.answers("first")
        container.answers("next")
        container.one.send(TERM)
        assert container.exit_code() == 0
    assert len(queue.of("next")) == 1


@pytest.mark.parametrize("to", ["start.worker"])
@pytest.mark.usefixtures("locked")
def test_a_worker_that_hears_nothing_is_killed(to: str, run: Run) -> None:
    """SIGTERM to process 1 while the idle worker is stopped: it cannot end by itself."""
    with run(below=True) as container:
        container.idle()
        container.process(to).send(signal.SIGSTOP)
        container.one.send(TERM)
        assert container.exit_code(END_SECONDS) == 0
        assert container.left() == []
        assert "did not end within 8 s: it is killed" in container.log


@pytest.mark.slice
@pytest.mark.usefixtures("locked")
def test_a_busy_worker_takes_no_further_job_after_sigterm(run: Run, place: Place, queue: RunPodQueue) -> None:
    place.behave(seconds=4.0)
    with run() as container:
        container.at_work()
        container.one.send(TERM)
        queue.submit("late", {"prompt": "a cat", "frame_count": 9})
        assert container.exit_code() == 0
        assert "received SIGTERM; first: running" in container.log
    assert list(queue.of("first")[0]) == ["output"]
    assert "late" not in queue.taken


@pytest.mark.usefixtures("locked")
def test_what_comfyui_leaves_is_reaped_and_ends_with_the_worker(run: Run, place: Place) -> None:
    """A node pack's daemon that ignores SIGTERM, with a session of its own and no parent."""
    other = Path(__file__).parents[1] / "processes" / "comfyui_that_starts_others.py"
    place.main.unlink()
    place.main.symlink_to(other)
    with run(below=True, STANDIN_STATE=str(place.state.folder)) as container:
        container.idle()
        assert any("SIG_IGN" in one.command for one in container.processes())
        container.check_no_zombies()
        container.one.send(TERM)
        assert container.exit_code(END_SECONDS) == 0
        assert container.left() == []
