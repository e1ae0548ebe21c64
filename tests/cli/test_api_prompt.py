"""API prompts as input: what `Export (API)` writes, or a request to the server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .command import ERRORS, comfy2runpod

PROMPT = {
    "92:3": {
        "inputs": {"value": "3", "note": "kept"},
        "class_type": "PrimitiveInt",
        "_meta": {"title": "Three", "x": 1},
    },
    "1": {"class_type": "PreviewAny", "inputs": {"source": ["92:3", 0]}},
}


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    path = tmp_path / "exported.json"
    path.write_text(json.dumps(PROMPT), encoding="utf-8")
    return path


def test_a_prompt_that_the_server_accepts_is_given_back_as_it_is(prompt: Path, tmp_path: Path) -> None:
    done = comfy2runpod("prompt", prompt)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == PROMPT
    comfy2runpod("prompt", prompt, "-o", tmp_path)
    assert json.loads((tmp_path / "exported.prompt.json").read_text("utf-8")) == PROMPT


def test_a_request_to_the_server_gives_its_prompt(prompt: Path) -> None:
    prompt.write_text(json.dumps({"client_id": "x", "prompt": PROMPT}), encoding="utf-8")
    assert json.loads(comfy2runpod("prompt", prompt).stdout) == PROMPT


def test_check_says_of_a_prompt_that_it_is_fine(prompt: Path) -> None:
    done = comfy2runpod("check", prompt)
    assert (done.returncode, done.stdout) == (0, f"{prompt}: fine\n")


def test_a_prompt_is_not_compiled(prompt: Path, tmp_path: Path) -> None:
    done = comfy2runpod("compile", prompt, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "error[api-prompt]" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["check", "prompt"])
def test_a_refused_prompt_names_node_and_input_with_its_line(command: str) -> None:
    case = ERRORS / "api_prompt" / "broken_links.json"
    done = comfy2runpod(command, case, "--format", "json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert [(entry["code"], entry["at"]["node"], entry["at"]["input"]) for entry in found] == [
        ("link-from-absent-node", "1", "width"),
        ("link-from-no-output", "1", "height"),
    ]
    assert {entry["at"]["line"] for entry in found} == {4}


def test_a_paid_node_in_a_prompt_is_allowed_by_name(tmp_path: Path) -> None:
    case = ERRORS / "api_prompt" / "paid_node.json"
    found = comfy2runpod("check", case, "--allow-api-node", "StabilityStableImageUltraNode").stderr
    assert "paid-api-node" not in found
    assert "required-input-missing" in found
