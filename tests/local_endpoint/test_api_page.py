"""What API.md shows can be copied: its shell and its Python run against the package's own endpoint."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from comfy2runpod.local_endpoint import LocalEndpoint, running_endpoint

# Stands in for jq where there is none: the paths and the two-part program that the page uses, and nothing else.
JQ = f"""#!{sys.executable}
import json, re, sys
answer = json.load(sys.stdin)
for part in sys.argv[2].split(", "):
    value = answer
    for key, index in re.findall(r"\\.(\\w+)|\\[(\\d+)\\]", part):
        value = value[int(index)] if index else (value or {{}}).get(key)
    if value is not None or "empty" not in part:
        print("null" if value is None else value)
"""


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    """The environment of a caller's shell."""
    path = os.environ["PATH"]
    if shutil.which("jq") is None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "jq").write_text(JQ)
        (tmp_path / "bin" / "jq").chmod(0o755)
        path = f"{tmp_path / 'bin'}:{path}"
    return {"PATH": path, "RUNPOD_API_KEY": "local", "LANG": "C.UTF-8", "NO_PROXY": "127.0.0.1"}


def blocks(package: Path, language: str) -> list[str]:
    """The page's code."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (package / "docs" / "API.md").read_text(), re.DOTALL | re.MULTILINE
    )


def shell(script: str, url: str, folder: Path, environment: dict[str, str]) -> str:
    assert script.count("https://api.runpod.ai/v2/ENDPOINT_ID") == 1
    script = script.replace("https://api.runpod.ai/v2/ENDPOINT_ID", url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_shell_submits_polls_and_saves(package: Path, tmp_path: Path, tools: dict[str, str]) -> None:
    submit, poll, _ = blocks(package, "sh")
    poll += '\necho "$ANSWER" > answer.json\n'
    with running_endpoint(LocalEndpoint(package, worker_log=tmp_path / "log")) as url:
        said = shell(submit + poll, url, tmp_path, tools)
    assert said.split()[-1] == "COMPLETED"
    image = (tmp_path / "image.png").read_bytes()
    output = json.loads((tmp_path / "answer.json").read_text())["output"]
    assert (hashlib.sha256(image).hexdigest(), len(image)) == (output["sha256"], output["bytes"])


def test_the_shell_cancels(package: Path, tmp_path: Path, tools: dict[str, str]) -> None:
    submit, _, cancel = blocks(package, "sh")
    slow = LocalEndpoint(package, worker_log=tmp_path / "log", seconds_per_step=60)
    with running_endpoint(slow) as url:
        said = shell(submit + cancel, url, tmp_path, tools)
    assert json.loads(said.splitlines()[-1])["status"] == "CANCELLED"


def test_the_python_runs_and_saves(package: Path, tmp_path: Path) -> None:
    (code,) = blocks(package, "python")
    with running_endpoint(LocalEndpoint(package, worker_log=tmp_path / "log")) as url:
        code = code.replace('"ENDPOINT_ID"', repr(url)).replace('"…"', '"local"')
        environment = {**os.environ, "PYTHONPATH": str(package / "clients" / "python")}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    (saved,) = (tmp_path / "results").iterdir()
    assert saved.name == "image.png"


def test_the_page_names_every_state_and_refusal_of_the_document(package: Path, document: dict[str, object]) -> None:
    page = (package / "docs" / "API.md").read_text()
    for state in document["components"]["schemas"]["JobState"]["properties"]["status"]["enum"]:
        assert f"`{state}`" in page
    for path, operations in document["paths"].items():
        method = next(name for name in operations if name in ("get", "post"))
        # No output of ours is streamed.
        if path != "/stream/{id}":
            assert f"`{method.upper()} {path.replace('{id}', 'ID')}`" in page
        for status in operations[method]["responses"]:
            assert status == "200" or f"| {status} |" in page
    for key in document["components"]["schemas"]["Request"]["properties"]["policy"]["properties"]:
        assert f"`policy.{key}`" in page
