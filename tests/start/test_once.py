"""`start --once`: one job without RunPod's queue, from an image's own entry point to its files."""

from __future__ import annotations

import hashlib
import json
import signal
from dataclasses import dataclass
from typing import Any

import pytest

from tests.runtime.hub_standin import HubStandIn
from tests.standins.runpod_queue import RunPodQueue

from .conftest import Run
from .container import JOB, Place, wait_for


def answer_in(log: str) -> dict[str, Any]:
    """What was printed among the lines of the log."""
    answer: dict[str, Any]
    answer, _ = json.JSONDecoder().raw_decode(log, log.index("\n{\n") + 1)
    return answer


@pytest.mark.slice
@pytest.mark.usefixtures("locked")
def test_a_job_is_done_with_the_models_in_place_and_its_files_are_written(
    run: Run, place: Place, queue: RunPodQueue, hub: HubStandIn
) -> None:
    results = place.folder / "results"
    with run(below=True, arguments=["--once", json.dumps({**JOB, "seed": 7}), "--results", str(results)]) as container:
        assert container.exit_code() == 0, container.log[-4000:]
        assert container.left() == []
        answer = answer_in(container.log)
    assert (answer["video"], answer["seed"], answer["frame_count"]) == ("video.mp4", 7, 9)
    assert hashlib.sha256((results / "video.mp4").read_bytes()).hexdigest() == answer["sha256"]
    assert place.model.is_file()
    assert hub.downloads()
    assert queue.polls == 0


@dataclass(frozen=True)
class Case:
    """What is asked for, the exit code, and what is said."""

    name: str
    arguments: tuple[str, ...]
    code: int
    says: str


GOOD = json.dumps(JOB)
CASES = (
    Case("refused", ("--once", '{"prompt": ""}'), 1, '"code": "invalid_input"'),
    Case("absent", ("--once", "absent.json"), 2, "absent.json cannot be read"),
    Case("no JSON", ("--once", "{"), 2, "the text is no JSON"),
    Case("no folder", ("--once", GOOD, "--results", "/proc/results"), 2, "--results: nothing can be written into"),
    Case("results alone", ("--results", "results"), 2, "--results is for --once"),
    Case("the SDK's", ("--once", GOOD, "--rp_serve_api"), 2, "--rp_serve_api has no effect"),
)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_what_cannot_be_done_is_told(case: Case, run: Run, queue: RunPodQueue) -> None:
    with run(below=True, arguments=case.arguments) as container:
        assert container.exit_code() == case.code, container.log[-4000:]
        assert container.left() == []
        assert case.says in container.log
        assert "Traceback" not in container.log
    assert queue.polls == 0


def test_a_model_that_cannot_be_had_ends_it(run: Run, locked: dict[str, Any], place: Place) -> None:
    place.write_lock({**locked, "sha256": "0" * 64})
    with run(below=True, arguments=["--once", GOOD]) as container:
        assert container.exit_code() == 12, container.log[-4000:]
        assert container.left() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_job_ends_it_and_is_no_success(number: signal.Signals, run: Run, place: Place) -> None:
    place.behave(seconds=600)
    with run(below=True, arguments=["--once", GOOD]) as container:
        wait_for(lambda: place.state.seen("running"), "the job")
        container.one.send(number)
        assert container.exit_code() == 128 + signal.SIGTERM, container.log[-4000:]
        assert container.left() == []
