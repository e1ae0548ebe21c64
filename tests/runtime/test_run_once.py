"""One job as a process: what `comfy2runpod run` starts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.standins.comfyui import ComfyUI

from .conftest import PACKAGE, error_of

pytestmark = pytest.mark.slow


async def once(
    tmp_path: Path, job_input: str, package: Path = PACKAGE, **environment: str
) -> tuple[int, str, dict[str, Any] | None]:
    """Exit code, standard error, and the answer that was written."""
    (tmp_path / "input.json").write_text(job_input)
    output = tmp_path / "answer.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "comfy2runpod_runtime.run_once", str(package)),
        *("--input", str(tmp_path / "input.json"), "--output", str(output)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode(), json.loads(output.read_text()) if output.exists() else None


async def test_the_answer_is_written(comfyui: ComfyUI, tmp_path: Path) -> None:
    code, errors, answer = await once(tmp_path, '{"prompt": "a cat", "seed": 0}', COMFYUI_URL=comfyui.url)
    assert (code, answer is not None) == (0, True), errors
    assert answer is not None
    assert answer["seed"] == 0


async def test_a_failed_job_is_an_answer_too(comfyui: ComfyUI, tmp_path: Path) -> None:
    code, _, answer = await once(tmp_path, '{"prompt": "a cat", "cfg": NaN}', COMFYUI_URL=comfyui.url)
    assert code == 0
    assert answer is not None
    assert error_of(answer)["details"] == [{"field": "cfg", "message": "must be a finite number, not nan"}]


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (None, "handler.py has no endpoint (ModuleNotFoundError"),
        ("endpoint = ", "handler.py has no endpoint (SyntaxError"),
        ("", "handler.py has no endpoint (AttributeError"),
        ("endpoint = 5", "the endpoint of handler.py is not an Endpoint of this runtime"),
    ],
)
async def test_a_package_that_cannot_be_run_is_reported(tmp_path: Path, handler: str | None, message: str) -> None:
    package = tmp_path / "package"
    package.mkdir()
    if handler is not None:
        (package / "handler.py").write_text(handler)
    code, errors, answer = await once(tmp_path, "{}", package)
    assert (code, answer) == (1, None)
    assert message in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"COMFYUI_URL": "127.0.0.1:8188"}, "COMFYUI_URL: "),
        ({"COMFYUI_PORT": "eighty", "POLL_SECONDS": "0"}, "COMFYUI_PORT: "),
    ],
)
async def test_all_invalid_settings_are_reported(tmp_path: Path, environment: dict[str, str], message: str) -> None:
    code, errors, _ = await once(tmp_path, "{}", **environment)
    assert code == 1
    assert message in errors
    assert all(name in errors for name in environment)
    assert "Traceback" not in errors


async def test_an_input_that_is_not_json_is_reported(tmp_path: Path) -> None:
    code, errors, _ = await once(tmp_path, "{not json")
    assert code == 1
    assert "Traceback" not in errors


async def started(
    tmp_path: Path, comfyui: ComfyUI, *arguments: str, progress: int | None = None
) -> asyncio.subprocess.Process:
    (tmp_path / "input.json").write_text('{"prompt": "a cat", "seed": 0}')
    command = [sys.executable, "-m", "comfy2runpod_runtime.run_once", str(PACKAGE), *arguments]
    command += ["--input", str(tmp_path / "input.json"), "--output", str(tmp_path / "answer.json")]
    told = [] if progress is None else ["--progress", str(progress)]
    return await asyncio.create_subprocess_exec(
        *command, *told,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COMFYUI_URL": comfyui.url, "PROGRESS_SECONDS": "0"},
        stderr=asyncio.subprocess.PIPE, pass_fds=() if progress is None else (progress,),
    )  # fmt: skip


async def test_progress_goes_to_a_file_of_its_own_line_by_line(comfyui: ComfyUI, tmp_path: Path) -> None:
    told = tmp_path / "told"
    with told.open("wb") as file:
        process = await started(tmp_path, comfyui, "--brief", progress=file.fileno())
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    lines = [json.loads(line) for line in told.read_text("utf-8").splitlines()]
    states = [line["state"] for line in lines if "state" in line]
    assert states == [
        "validated", "fetched", "ready", "queued", "running", "ran", "collected", "measured", "delivered",
    ]  # fmt: skip
    updates = [line for line in lines if "node" in line]
    assert {"node": "Sampler, first stage", "step": 2, "of": 2}.items() <= updates[-1].items()
    assert all(line.keys() <= {"state", "node", "percent", "step", "of"} for line in lines)


async def test_a_brief_log_has_only_what_the_answer_does_not_say(comfyui: ComfyUI, tmp_path: Path) -> None:
    comfyui.behave(run="error")
    process = await started(tmp_path, comfyui, "--brief")
    _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    process = await started(tmp_path, comfyui)
    _, errors = await process.communicate()
    assert b"comfyui_error" in errors


async def test_an_interrupted_job_is_taken_back_from_comfyui(comfyui: ComfyUI, tmp_path: Path) -> None:
    comfyui.behave(run="hangs")
    process = await started(tmp_path, comfyui)
    async with asyncio.timeout(60):
        while not comfyui.prompts:
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert len(comfyui.interrupted) == 1
