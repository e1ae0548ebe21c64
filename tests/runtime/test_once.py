"""One job as a process: what `comfy2runpod run` starts."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import PACKAGE, error_of
from .standin import StandIn


async def once(
    tmp_path: Path, job_input: str, package: Path = PACKAGE, **environment: str
) -> tuple[int, str, dict[str, Any] | None]:
    """Exit code, standard error, and the answer that was written."""
    (tmp_path / "input.json").write_text(job_input)
    output = tmp_path / "answer.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "comfy2runpod_runtime.once", str(package)),
        *("--input", str(tmp_path / "input.json"), "--output", str(output)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, errors.decode(), json.loads(output.read_text()) if output.exists() else None


async def test_the_answer_is_written(comfyui: StandIn, tmp_path: Path) -> None:
    code, errors, answer = await once(tmp_path, '{"prompt": "a cat", "seed": 0}', COMFYUI_URL=comfyui.url)
    assert (code, answer is not None) == (0, True), errors
    assert answer is not None
    assert answer["seed"] == 0


async def test_a_failed_job_is_an_answer_too(comfyui: StandIn, tmp_path: Path) -> None:
    code, _, answer = await once(tmp_path, '{"prompt": "a cat", "cfg": NaN}', COMFYUI_URL=comfyui.url)
    assert code == 0
    assert answer is not None
    assert error_of(answer)["details"] == [{"field": "cfg", "message": "must be a finite number, not nan"}]


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (None, "handler.py gives no endpoint (ModuleNotFoundError"),
        ("endpoint = ", "handler.py gives no endpoint (SyntaxError"),
        ("", "handler.py gives no endpoint (AttributeError"),
        ("endpoint = 5", "the endpoint of handler.py is no Endpoint of this runtime"),
    ],
)
async def test_a_package_that_cannot_be_run_is_said(tmp_path: Path, handler: str | None, message: str) -> None:
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
async def test_settings_that_do_not_fit_are_all_said(tmp_path: Path, environment: dict[str, str], message: str) -> None:
    code, errors, _ = await once(tmp_path, "{}", **environment)
    assert code == 1
    assert message in errors
    assert all(name in errors for name in environment)
    assert "Traceback" not in errors


async def test_an_input_that_is_not_json_is_said(tmp_path: Path) -> None:
    code, errors, _ = await once(tmp_path, "{not json")
    assert code == 1
    assert "Traceback" not in errors
