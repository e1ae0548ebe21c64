"""The worker's own ComfyUI: started, watched, started again, stopped. A stand-in takes the place of its main.py."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from comfy2runpod_runtime.comfyui.process import ComfyUIProcess
from comfy2runpod_runtime.errors import ComfyUIUnavailable
from tests.patience import HANG_SECONDS
from tests.standins.comfyui import PROGRAM, Behaviour, State
from tests.standins.serving import free_port

from .conftest import Load, error_of

pytestmark = pytest.mark.slow

ASK = {"id": "job-1", "input": {"prompt": "a cat"}}


@pytest.fixture
def own(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """An endpoint that starts a ComfyUI of its own; stopped at the end."""
    (tmp_path / "main.py").write_text(
        f"import runpy, sys\nsys.argv += ['--state', {str(tmp_path / 'state')!r}]\n"
        f"runpy.run_path({str(PROGRAM)!r}, run_name='__main__')\n"
    )
    port = free_port()
    monkeypatch.delenv("COMFYUI_URL", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    started = []

    def endpoint(arguments: str = "", python: str = sys.executable, **behaviour: str) -> Any:
        State(tmp_path / "state").behave(Behaviour(**behaviour))
        made = load(COMFYUI_DIR=tmp_path, COMFYUI_PYTHON=python, COMFYUI_PORT=port, COMFYUI_ARGS=arguments)
        started.append(made)
        return made

    monkeypatch.setenv("COMFYUI_START_TIMEOUT_SECONDS", "20")
    yield endpoint
    for made in started:
        made.close()


async def test_a_job_starts_comfyui_and_closing_ends_it(own: Callable[..., Any]) -> None:
    endpoint = own("--extra 'a value'")
    assert "video" in await endpoint.handle(ASK)
    process: ComfyUIProcess = endpoint._comfyui.process
    assert process.running
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{process.url}/system_stats")).status_code == 200
    endpoint.close()
    assert not process.running


async def test_comfyui_is_told_to_listen_here_and_to_write_no_metadata(
    own: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await own("--extra 'a value'").check_fitness()
    for _ in range(100):
        if "stand-in started" in caplog.text:
            break
        await asyncio.sleep(0.02)
    assert '"--listen", "127.0.0.1"' in caplog.text
    assert '"--disable-metadata", "--extra", "a value"' in caplog.text


async def test_comfyui_writes_metadata_if_it_is_kept(
    own: Callable[..., Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setenv("OUTPUT_METADATA", "keep")
    await own("--extra").check_fitness()
    async with asyncio.timeout(HANG_SECONDS):
        while "stand-in started" not in caplog.text:
            await asyncio.sleep(0.02)
    assert '"--disable-auto-launch", "--extra"' in caplog.text
    assert "--disable-metadata" not in caplog.text


async def test_a_comfyui_that_died_between_jobs_is_started_again(own: Callable[..., Any]) -> None:
    endpoint = own()
    assert "video" in await endpoint.handle(ASK)
    first = endpoint._comfyui.process.pid
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(HANG_SECONDS):
        # No job waits for it.
        while endpoint._comfyui.process.pid == first or not endpoint._comfyui.process.running:
            await asyncio.sleep(0.02)
    assert "video" in await endpoint.handle(ASK)


async def test_a_comfyui_that_dies_mid_job_fails_the_job_at_once(own: Callable[..., Any]) -> None:
    error = error_of(await own(run="dies").handle(ASK))
    assert error == {"code": "comfyui_unavailable", "message": "ComfyUI ended while the job ran."}


async def test_a_comfyui_that_dies_while_starting_is_reported_and_its_last_words_are_logged(
    own: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    error = error_of(await own(start="exits").handle(ASK))
    assert error["code"] == "comfyui_unavailable"
    assert "CUDA" not in error["message"]
    assert "no CUDA GPUs are available" in caplog.text


async def test_a_comfyui_that_never_answers_is_given_up_and_ended(
    own: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFYUI_START_TIMEOUT_SECONDS", "0.5")
    endpoint = own(start="deaf")
    with pytest.raises(ComfyUIUnavailable, match=r"did not answer within 0\.5 s"):
        await endpoint.check_fitness()
    assert not endpoint._comfyui.process.running


async def test_a_comfyui_that_is_not_installed_is_reported_without_its_path(own: Callable[..., Any]) -> None:
    error = error_of(await own(python="/nowhere/python").handle(ASK))
    assert error == {
        "code": "comfyui_unavailable",
        "message": "ComfyUI cannot be started (No such file or directory): check COMFYUI_DIR and COMFYUI_PYTHON.",
    }


async def test_nothing_of_a_job_stays_in_the_output_folder(own: Callable[..., Any]) -> None:
    endpoint = own()
    assert "video" in await endpoint.handle(ASK)
    # The stand-in saves there as ComfyUI does: the folder of all jobs is there, and empty.
    assert list((endpoint._comfyui.process.outputs / "comfy2runpod").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [("", "input"), ("--input-directory {}/mine", "mine"), ("--lowvram --input-directory={}/mine", "mine")],
)
async def test_its_input_folder_is_known(own: Callable[..., Any], tmp_path: Path, arguments: str, folder: str) -> None:
    endpoint = own(arguments.format(tmp_path))
    await endpoint.handle(ASK)
    assert endpoint._comfyui.process.inputs == tmp_path / folder
    assert (tmp_path / folder).is_dir()
