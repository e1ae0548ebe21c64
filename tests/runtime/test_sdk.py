"""The package's handler.py under the real RunPod SDK, in all its modes: as a process, with RunPod's API on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.patience import HANG_SECONDS
from tests.standins.comfyui import ComfyUI
from tests.standins.runpod_queue import RunPodQueue
from tests.standins.serving import free_port

from .conftest import PACKAGE

pytestmark = pytest.mark.slow

NEXT_SDK = Path(sys.prefix) / "runpod-next"
ASK = {"prompt": "a cat", "frame_count": 25}


@asynccontextmanager
async def worker(*arguments: str, **environment: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python handler.py` in the package's folder; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "handler.py", *arguments),
        cwd=PACKAGE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **{key: str(value) for key, value in environment.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_the_sdk_is_the_one_that_is_asked_for() -> None:
    """`make sdk-next` has the next major version first on the path of the worker, too."""
    command = [sys.executable, "-c", "import runpod; print(runpod.__version__)"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().split(".")[0] == ("2" if "NEXT_SDK" in os.environ else "1")


async def test_with_test_input_the_sdk_reports_success(comfyui: ComfyUI) -> None:
    async with worker("--test_input", json.dumps({"input": ASK}), COMFYUI_URL=comfyui.url) as process:
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    assert b"completed successfully" in out
    assert len(comfyui.prompts) == 1


async def test_with_test_input_a_failed_job_is_a_failed_run(comfyui: ComfyUI) -> None:
    async with worker("--test_input", '{"input": {"prompt": NaN}}', COMFYUI_URL=comfyui.url) as process:
        out, _ = await process.communicate()
    assert process.returncode == 1
    assert b"invalid_input" in out
    assert comfyui.prompts == {}


async def test_the_sdks_own_api_gives_the_answer_and_the_error(comfyui: ComfyUI) -> None:
    port = free_port()
    arguments = ("--rp_serve_api", "--rp_api_host", "127.0.0.1", "--rp_api_port", str(port))
    async with worker(*arguments, COMFYUI_URL=comfyui.url), httpx.AsyncClient() as http:
        url = f"http://127.0.0.1:{port}"
        async with asyncio.timeout(HANG_SECONDS):
            while True:
                try:
                    done = await http.post(f"{url}/runsync", json={"input": ASK}, timeout=HANG_SECONDS)
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        assert done.json()["output"]["frame_count"] == 25
        failed = await http.post(f"{url}/runsync", json={"input": {"prompt": ""}}, timeout=HANG_SECONDS)
        assert json.loads(failed.json()["error"])["code"] == "invalid_input"


@pytest.fixture(params=["locked", "next"])
def sdk(request: pytest.FixtureRequest) -> dict[str, str]:
    """What a worker's environment has for the SDK of images, and for the next major version, if `make` installed it."""
    if request.param == "locked":
        return {}
    if not (NEXT_SDK / "runpod").is_dir():
        pytest.skip("the next SDK is not installed: make sdk-next")
    return {"PYTHONPATH": str(NEXT_SDK)}


async def test_the_real_worker_loop_serves_fails_cancels_and_serves_again(
    comfyui: ComfyUI, sdk: dict[str, str]
) -> None:
    comfyui.behave(seconds=0.6, steps=12)
    # A slow RunPod gives a late progress update its chance to overtake the result.
    async with RunPodQueue(progress_seconds=0.1) as queue:
        queue.submit("good", ASK)
        queue.submit("bad", {"prompt": "x", "width": 65})
        environment = {**queue.environment(), **sdk, "COMFYUI_URL": comfyui.url, "PROGRESS_SECONDS": 0.05}
        async with worker(**environment) as process:
            good = (await queue.result_of("good", HANG_SECONDS))["output"]
            assert (good["frame_count"], good["duration_seconds"]) == (25, 1.04)
            assert good["prompt_id"] in comfyui.prompts

            bad = await queue.result_of("bad", HANG_SECONDS)
            assert list(bad) == ["error"]
            assert json.loads(bad["error"])["details"][0]["field"] == "width"

            assert {"Size", "Sampler, first stage"} == {update["node"] for _, update in queue.progress}

            comfyui.behave(run="hangs")
            queue.submit("stopped", ASK)
            async with asyncio.timeout(HANG_SECONDS):
                while not comfyui.running:
                    await asyncio.sleep(0.02)
                queue.to_stop.append("stopped")
                while not comfyui.interrupted:
                    await asyncio.sleep(0.02)
            assert comfyui.interrupted == [list(comfyui.prompts)[-1]]

            comfyui.behave()
            queue.submit("next", {**ASK, "seed": 0})
            assert (await queue.result_of("next", HANG_SECONDS))["output"]["seed"] == 0
            assert queue.of("stopped") == []
            assert queue.late == [], "a progress update came after the result"

            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(HANG_SECONDS):
                out, _ = await process.communicate()
            assert process.returncode == 0, out.decode()
            assert b"Traceback" not in out
            assert b'"result": "cancelled"' in out
            assert good["video"][:40].encode() not in out, "an answer is in the log"


async def test_a_worker_whose_comfyui_does_not_answer_takes_no_job(comfyui: ComfyUI) -> None:
    async with RunPodQueue() as queue:
        queue.submit("good", ASK)
        environment = {**queue.environment(), "COMFYUI_URL": "http://127.0.0.1:9"}
        async with worker(**environment, COMFYUI_START_TIMEOUT_SECONDS=0.5) as process:
            out, _ = await process.communicate()
        assert process.returncode == 1, out.decode()
        assert queue.taken == {}
        assert [ping["status"] for ping in queue.pings] == ["unhealthy"]
