"""A package that cannot be loaded, settings that are wrong, and workers that are started otherwise."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, field

import pytest

from tests.runtime.hub_standin import HubStandIn
from tests.standins.comfyui import ComfyUI, State
from tests.standins.runpod_queue import RunPodQueue

from .conftest import Run
from .container import JOB, Place, wait_for


@dataclass(frozen=True)
class Case:
    """What is wrong, the exit code, and what is said."""

    name: str
    code: int
    says: str
    handler: tuple[str, str] | None = None
    settings: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


CASES = (
    Case("syntax", 11, "SyntaxError", handler=("endpoint = ", "endpoint = = ")),
    Case("raises", 11, "ZeroDivisionError", handler=("handler = ", "handler = 1 / 0, ")),
    Case("import", 11, "no_such_module", handler=("from patch", "import no_such_module\nfrom patch")),
    Case("contract", 11, "compile the graph again", handler=("contract=3", "contract=2")),
    Case("no-endpoint", 11, "has no endpoint", handler=("handler = endpoint.handle", "del endpoint")),
    Case("exits", 11, "SystemExit", handler=("handler = ", "raise SystemExit(0)\nhandler = ")),
    Case("settings", 10, "POLL_SECONDS", settings={"POLL_SECONDS": "soon"}),
    Case("arguments", 10, "COMFYUI_ARGS", settings={"COMFYUI_ARGS": "--cpu 'open"}),
    Case("log-format", 10, "LOG_FORMAT", settings={"LOG_FORMAT": "xml"}),
)


@pytest.mark.parametrize(
    "case", [pytest.param(one, id=one.name, marks=pytest.mark.slice if one.name == "raises" else ()) for one in CASES]
)
def test_a_package_that_cannot_be_loaded_ends_the_worker(
    case: Case, run: Run, place: Place, queue: RunPodQueue
) -> None:
    if case.handler is not None:
        file = place.package / "handler.py"
        text = file.read_text()
        assert case.handler[0] in text
        file.write_text(text.replace(*case.handler))
    queue.submit("first", JOB)
    with run(below=True, **case.settings) as container:
        assert container.exit_code() == case.code, container.log[-4000:]
        assert container.left() == []
        assert case.says in container.log
    assert queue.taken == {}


@pytest.mark.slice
@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.usefixtures("locked")
def test_comfyui_and_the_models_do_not_wait_for_the_handler(
    ended: bool, run: Run, place: Place, queue: RunPodQueue
) -> None:
    gate, file = place.folder / "gate", place.package / "handler.py"
    waits = f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists():\n    time.sleep(0.05)\n"
    file.write_text(file.read_text().replace("from pathlib", f"{waits}from pathlib", 1))
    with run(below=True) as container:
        wait_for(lambda: "start: link done" in container.log and "start: comfyui done" in container.log, "all but it")
        assert queue.polls == 0
        if not ended:
            gate.touch()
            container.answers("first")
        container.one.send(signal.SIGTERM)
        assert container.exit_code() == 0
        assert container.left() == []


def test_wrong_usage(run: Run, place: Place) -> None:
    with run(below=True, arguments=["--package"]) as container:
        assert container.exit_code() == 2


@pytest.mark.usefixtures("locked")
async def test_with_comfyui_url_nothing_is_downloaded_and_none_is_started(
    run: Run, place: Place, hub: HubStandIn
) -> None:
    import asyncio  # noqa: PLC0415

    async with ComfyUI(State(place.folder / "elsewhere")) as server:

        def worked() -> None:
            with run(mounts=(), COMFYUI_URL=server.url) as container:
                container.answers("first")
                assert not [one for one in container.processes() if "main.py" in one.command]

        await asyncio.to_thread(worked)
        assert len(server.prompts) == 1
    assert hub.asked == []


@pytest.mark.usefixtures("locked")
def test_the_sdks_options_are_handed_on(run: Run, queue: RunPodQueue) -> None:
    arguments = ["--test_input", json.dumps({"input": JOB})]
    with run(below=True, arguments=arguments, RUNPOD_WEBHOOK_GET_JOB="") as container:
        assert container.exit_code() in (0, 1)
        assert "completed successfully" in container.log
        assert container.left() == []
    assert queue.polls == 0
