"""The report of a failed job on the volume, for whoever has to find the cause."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from tests.standins.comfyui import ComfyUI

from .conftest import Load, error_of

ASK = {"prompt": "a cat with not-to-be-read", "width": 128, "height": 64, "frame_count": 25, "seed": 7}


@pytest.fixture
def failing(load: Load, comfyui: ComfyUI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("RUNPOD_AI_API_KEY", "not-to-be-read")
    comfyui.behave(run="error")

    def loaded(**environment: object) -> Any:
        return load(COMFYUI_URL=comfyui.url, REPORT_DIR=tmp_path / "reports", **environment)

    return loaded


async def test_a_failure_is_reported_whole_and_without_secrets(failing: Any, tmp_path: Path) -> None:
    error = error_of(await failing().handle({"id": "job-1", "input": ASK}))
    (path,) = (tmp_path / "reports").iterdir()
    report = json.loads(path.read_text("utf-8"))
    assert report["error"] == error
    assert path.name.endswith(f"Z-comfyui_error-{report['prompt_id']}.json")
    assert report["states"] == ["received", "validated", "fetched", "ready", "queued", "running", "ran", "failed"]
    assert report["timings"].keys() >= {"wait", "run"}
    assert report["versions"]["comfyui"] == "0.21.0"
    assert report["prompt"]["1"]["inputs"]["text"] == "a cat with ***"
    assert "not-to-be-read" not in path.read_text("utf-8")


async def test_a_bug_is_reported_with_its_traceback(failing: Any, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise KeyError("what was looked for")

    endpoint = failing()
    _set_patch(endpoint, broken)
    await endpoint.handle({"id": "job-1", "input": ASK})
    (path,) = (tmp_path / "reports").iterdir()
    assert "what was looked for" in json.loads(path.read_text("utf-8"))["traceback"]


async def test_what_a_caller_did_wrong_is_no_report(failing: Any, tmp_path: Path) -> None:
    assert error_of(await failing().handle({"id": "job-1", "input": {}}))["code"] == "invalid_input"
    assert not (tmp_path / "reports").exists()


async def test_the_oldest_go(failing: Any, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    for year in (2020, 2021):
        (tmp_path / "reports" / f"{year}0101T000000Z-timeout-x.json").write_text("{}")
    endpoint = failing(REPORT_FILES=2)
    await endpoint.handle({"id": "job-1", "input": ASK})
    names = sorted(path.name for path in (tmp_path / "reports").iterdir())
    assert len(names) == 2
    assert names[0].startswith("2021")
    # Smaller than any report: not even the newest stays.
    await failing(REPORT_BYTES=10).handle({"id": "job-2", "input": ASK})
    assert list((tmp_path / "reports").iterdir()) == []


async def test_a_report_that_cannot_be_written_changes_nothing(
    failing: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "reports").write_text("a file where the folder is to be")
    assert error_of(await failing().handle({"id": "job-1", "input": ASK}))["code"] == "comfyui_error"
    assert "could not be written" in caplog.text


async def test_a_file_in_the_prompt_is_not_in_the_report(failing: Any, tmp_path: Path) -> None:
    endpoint = failing()
    patch = endpoint._package.patch

    def with_a_file(prompt: Any, *rest: Any) -> None:
        patch(prompt, *rest)
        prompt["1"]["inputs"]["text"] = "A" * 10_000

    _set_patch(endpoint, with_a_file)
    await endpoint.handle({"id": "job-1", "input": ASK})
    (path,) = (tmp_path / "reports").iterdir()
    assert json.loads(path.read_text("utf-8"))["prompt"]["1"]["inputs"]["text"] == "(a text of 10,000 characters)"


def _set_patch(endpoint: Any, patch: Any) -> None:
    endpoint._runner._package = dataclasses.replace(endpoint._package, patch=patch)
