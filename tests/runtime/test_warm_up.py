"""A warm-up job before the first job; and a second job while another uses the GPU."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from tests.standins.comfyui import ComfyUI

from .conftest import Load, error_of

ASK = {"prompt": "a cat", "width": 128, "height": 64, "frame_count": 25, "seed": 7}


async def test_nothing_is_run_unless_it_is_asked_for(load: Load, comfyui: ComfyUI) -> None:
    await load(COMFYUI_URL=comfyui.url).check_fitness()
    assert comfyui.prompts == {}


@pytest.mark.parametrize("wrapped", [False, True])
async def test_an_input_from_a_file_is_run(load: Load, comfyui: ComfyUI, tmp_path: Path, *, wrapped: bool) -> None:
    sample = tmp_path / "sample.json"
    sample.write_text(json.dumps({"input": ASK} if wrapped else ASK))
    endpoint = load(COMFYUI_URL=comfyui.url, WARMUP=sample)
    await endpoint.check_fitness()
    (prompt,) = comfyui.prompts.values()
    assert prompt["1"]["inputs"]["text"] == "a cat"
    assert "error" not in await endpoint.handle({"id": "1", "input": ASK})


async def test_the_packages_own_input_is_run(
    load: Load, comfyui: ComfyUI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package of these tests has none, so it gets one."""
    (tmp_path / "test_input.json").write_text(json.dumps({"input": ASK}))
    endpoint = load(COMFYUI_URL=comfyui.url, WARMUP="on")
    monkeypatch.setattr(endpoint, "_package", dataclasses.replace(endpoint._package, folder=tmp_path))
    await endpoint.check_fitness()
    assert len(comfyui.prompts) == 1


@pytest.mark.parametrize("behaviour", [{"run": "error"}, {"prompt": "refused"}, {"run": "forgotten"}])
async def test_a_warm_up_that_fails_keeps_no_worker_from_its_jobs(
    load: Load, comfyui: ComfyUI, tmp_path: Path, caplog: pytest.LogCaptureFixture, behaviour: dict[str, str]
) -> None:
    (tmp_path / "sample.json").write_text(json.dumps(ASK))
    endpoint = load(COMFYUI_URL=comfyui.url, WARMUP=tmp_path / "sample.json", POLL_SECONDS=0.1)
    comfyui.behave(**behaviour)
    await endpoint.check_fitness()
    assert any(record.levelname == "WARNING" for record in caplog.records)
    comfyui.behave()
    assert "error" not in await endpoint.handle({"id": "1", "input": ASK})


async def test_a_file_that_is_not_there_is_reported(
    load: Load, comfyui: ComfyUI, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await load(COMFYUI_URL=comfyui.url, WARMUP=tmp_path / "absent.json").check_fitness()
    assert "no warm-up: absent.json cannot be read (FileNotFoundError)" in caplog.text


async def test_a_second_job_is_refused_where_it_is_not_to_wait(load: Load, comfyui: ComfyUI) -> None:
    comfyui.behave(seconds=0.5)
    endpoint = load(COMFYUI_URL=comfyui.url, CONCURRENT_JOBS="refuse")
    first = asyncio.create_task(endpoint.handle({"id": "1", "input": ASK}))
    while not comfyui.prompts:
        await asyncio.sleep(0.005)
    error = error_of(await endpoint.handle({"id": "2", "input": ASK}))
    assert error == {
        "code": "comfyui_unavailable",
        "message": "Another job has this worker's GPU; send the job again later.",
    }
    assert "error" not in await first
    assert len(comfyui.prompts) == 1
    assert "error" not in await endpoint.handle({"id": "3", "input": ASK})
