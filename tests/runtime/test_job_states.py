"""A job that is cancelled, or takes too long, in each of its states; and the worker's log of the current state."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from comfy2runpod_runtime.errors import InternalError
from comfy2runpod_runtime.job_states import JobLifecycle, JobState
from comfy2runpod_runtime.operations.logs import configure_logging, job_logging, log_fields
from tests.faults.table import WELL
from tests.patience import HANG_SECONDS
from tests.standins.comfyui import Behaviour, ComfyUI
from tests.standins.comfyui import State as Folder

from .conftest import Load, error_of

PACKAGE = Path(__file__).parents[2] / "generated" / "i2i_klein_9b"
INPUT: dict[str, Any] = json.loads((PACKAGE / "test_input.json").read_text())["input"]
# The limit of a job, in seconds: where much else runs, a job may need more to come to a state at all.
LIMITS = (1.5, 6.0, 24.0)
# How ComfyUI holds a job in a state; in the others a gate of the test's own does, in the place of what takes no time.
HOLDS = {
    "fetched": Behaviour(stats="slow"),
    "ready": Behaviour(prompt="slow"),
    "queued": Behaviour(),
    "running": Behaviour(run="hangs"),
    "ran": Behaviour(file="slow"),
}
GATES = {
    "received": "comfy2runpod_runtime.delivery.job_delivery.DeliveryFactory.for_job",
    "collected": "comfy2runpod_runtime.job.execute.prepare_results",
    "measured": "comfy2runpod_runtime.delivery.job_delivery.JobDelivery.deliver",
}
WHILE = {
    "received": "its input was checked",
    "validated": "its input files were fetched",
    "fetched": "it waited for ComfyUI",
    "ready": "it was sent to ComfyUI",
    "queued": "it waited in ComfyUI's queue",
    "running": "ComfyUI ran it",
    "ran": "its files were downloaded",
    "collected": "its files were measured",
    "measured": "its files were delivered",
}


class Held:
    """A worker whose next job stays in one state, until it is let go."""

    def __init__(self, folder: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state = Folder(folder / "state")
        self.comfyui = ComfyUI(self.state)
        self._load, self._monkeypatch = load, monkeypatch
        self.endpoint: Any = None
        self._url = ""

    async def start(self) -> None:
        async def never(_request: web.Request) -> web.Response:
            await asyncio.sleep(3600)
            return web.Response()

        app = web.Application()
        app.add_routes([web.get("/image.png", never)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/image.png"
        await self.comfyui.start()
        self._monkeypatch.syspath_prepend(str(PACKAGE))
        self.endpoint = self._load(
            COMFYUI_URL=f"http://127.0.0.1:{self.comfyui.port}",
            POLL_SECONDS=0.1,
            FETCH_ALLOW_HTTP=True,
            FETCH_ALLOW_PRIVATE_ADDRESSES=True,
        )

    async def close(self) -> None:
        await self.comfyui.stop()
        await self._runner.cleanup()

    def limit(self, seconds: float) -> None:
        """How long a job may take from now on."""
        runner = self.endpoint._runner
        runner._settings = runner._settings.model_copy(update={"job_timeout_seconds": seconds})

    async def begin(self, state: str, seconds: float) -> asyncio.Task[dict[str, Any]]:
        """A job that has come to a state and stays there for so many seconds, or one that has ended before."""
        held = dataclasses.replace(HOLDS[state], slow_seconds=seconds) if state in HOLDS else WELL
        self.state.behave(dataclasses.replace(held, busy_seconds=seconds if state == "queued" else 0.0))
        if state in GATES:

            async def gate(*_: object) -> None:
                await asyncio.sleep(3600)

            self._monkeypatch.setattr(GATES[state], gate)
        image = {"image": self._url} if state == "validated" else {}
        job = asyncio.create_task(self.endpoint.handle({"id": "held", "input": {**INPUT, **image}}))
        while [told["state"] for told in self.endpoint.active_jobs()] != [state] or (
            # A prompt that is not on its way yet is not to be taken back.
            state == "ready" and not self.state.seen("fault: prompt")
        ):
            if job.done():
                break
            await asyncio.sleep(0.005)
        return job

    async def serves(self) -> bool:
        """Whether the next job succeeds, once nothing holds it."""
        self._monkeypatch.undo()
        self.state.behave(WELL)
        self.limit(HANG_SECONDS)
        answer = await self.endpoint.handle({"id": "next", "input": INPUT})
        return "error" not in answer and self.endpoint.active_jobs() == []


@pytest.fixture
async def held(tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Held]:
    worker = Held(tmp_path, load, monkeypatch)
    await worker.start()
    yield worker
    await worker.close()


@pytest.mark.parametrize("state", list(WHILE))
async def test_a_job_is_cancelled_in_each_state(held: Held, state: str, caplog: pytest.LogCaptureFixture) -> None:
    job = await held.begin(state, 2.0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert [_results(caplog), held.endpoint.active_jobs()] == [["cancelled"], []]
    stopped = held.state.seen("deleted") or held.state.seen("interrupted")
    assert bool(stopped) == (state not in ("received", "validated", "fetched"))
    assert await held.serves()


@pytest.mark.parametrize("state", list(WHILE))
async def test_a_job_takes_too_long_in_each_state(held: Held, state: str, caplog: pytest.LogCaptureFixture) -> None:
    for limit in LIMITS:
        held.limit(limit)
        caplog.clear()
        error = error_of(await (await held.begin(state, 2 * limit)))
        assert [error["code"], _results(caplog), held.endpoint.active_jobs()] == ["timeout", ["timeout"], []]
        if WHILE[state] in error["message"]:
            break
    assert error["message"] == f"The job took longer than {limit:g} s and was stopped while {WHILE[state]}."
    assert await held.serves()


async def test_a_request_can_ask_how_long_each_part_took(held: Held) -> None:
    held.state.behave(WELL)
    answer = await held.endpoint.handle({"id": "job", "input": {**INPUT, "timings": True}})
    parts = ["validate", "fetch", "wait", "queue", "in_queue", "run", "collect", "measure", "deliver"]
    assert list(answer["timings"]) == parts
    assert answer["timings"]["run"] > WELL.seconds / 2
    assert "timings" not in await held.endpoint.handle({"id": "other", "input": INPUT})


def _results(caplog: pytest.LogCaptureFixture) -> list[object]:
    told = [record.__dict__.get("fields", {}) for record in caplog.records]
    return [line["result"] for line in told if "result" in line]


def test_an_order_that_no_job_has_is_an_internal_error() -> None:
    job = JobLifecycle("job", "prompt")
    with pytest.raises(InternalError, match="A job that is received cannot become running"):
        job.transition_to(JobState.RUNNING)
    job.transition_to(JobState.FAILED)
    with pytest.raises(InternalError, match="A job that is failed cannot become cancelled"):
        job.transition_to(JobState.CANCELLED)


@pytest.fixture
def lines() -> Any:
    """The log as it comes out; what pytest has set up is put back afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    yield stream
    root.handlers[:], root.level = before


def test_a_line_has_its_job_and_no_secrets(lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "not-to-be-read")
    monkeypatch.setenv("RUNPOD_POD_ID", "pod")
    configure_logging("auto", lines)
    log, job = logging.getLogger("comfy2runpod.test"), JobLifecycle("job-1", "prompt-1")
    url = "https://me:word@host/?X-Amz-Signature=abc&b=1"
    log.info("not-to-be-read, hf_abcdefghij0123456789, %s, Bearer abc.def01g23h45", url)
    with job_logging(job):
        log.warning("two\nlines", extra=log_fields(what=1))
    log.info("from elsewhere", extra=log_fields(job))
    first, second, third = map(json.loads, lines.getvalue().splitlines())
    assert first["message"] == "***, ***, https://me:***@host/?X-Amz-Signature=***&b=1, Bearer ***"
    assert "job" not in first
    assert (second["message"], second["level"], second["what"]) == ("two\nlines", "warning", 1)
    assert (second["job"], second["prompt_id"], second["state"]) == ("job-1", "prompt-1", "received")
    assert third["job"] == "job-1"


def test_people_get_text(lines: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNPOD_POD_ID", "RUNPOD_WEBHOOK_GET_JOB"):
        monkeypatch.delenv(name, raising=False)
    configure_logging("auto", lines)
    with job_logging(JobLifecycle("job-1", "prompt-1")):
        try:
            raise ValueError("no")
        except ValueError:
            logging.getLogger("comfy2runpod.test").exception("it broke")
    first, *rest = lines.getvalue().splitlines()
    assert first.endswith("ERROR: it broke [job-1 received 0.0 s]")
    assert rest[-1] == "ValueError: no"


def test_the_log_says_what_is_in_work_when_a_stop_comes() -> None:
    """In a process of its own: the handler that stands in for the SDK's is there first."""
    program = (
        "import asyncio, os, signal\n"
        "from comfy2runpod_runtime.job_states import JobLifecycle\n"
        "from comfy2runpod_runtime.operations.logs import configure_logging\n"
        "from comfy2runpod_runtime.operations.sdk_loop import SdkLoop\n"
        "configure_logging('json')\n"
        "sdk = SdkLoop(lambda: [JobLifecycle('job-1', 'prompt-1').to_json()], lambda: None, lambda: None)\n"
        "async def main():\n"
        "    signal.signal(signal.SIGTERM, lambda *_: None)\n"
        "    assert (sdk.before_poll(1), sdk.before_poll(1)) == (1, 1)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await asyncio.sleep(600)\n"
        "try:\n"
        "    asyncio.run(main())\n"
        "except asyncio.CancelledError:\n"
        "    assert sdk.cut_off\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    (line,) = map(json.loads, done.stderr.splitlines())
    assert line["message"] == "received SIGTERM; job-1: received"
    assert line["jobs"][0]["state"] == "received"
