"""run: what it takes as input, what it says, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .command import ROOT, Done, comfy2runpod

pytestmark = pytest.mark.slow

PACKAGE = ROOT / "generated" / "t2i_klein_4b"
SMALL = {"prompt": "a cat", "width": 64, "height": 64, "seed": 0}


def run(*arguments: str | Path, package: Path = PACKAGE, cwd: Path = ROOT) -> Done:
    return comfy2runpod("run", package, *arguments, cwd=cwd)


def test_a_good_run_tells_what_was_made_and_warns_of_nothing(tmp_path: Path) -> None:
    done = run("--input", json.dumps(SMALL), "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads((tmp_path / "response.json").read_text("utf-8"))
    media = tmp_path / answer["image"]
    assert f"{media}: {answer['media_type']}, 64 x 64, {media.stat().st_size:,} bytes" in done.stdout
    assert "  seed       0\n" in done.stdout
    assert "WARNING" not in done.stdout + done.stderr
    assert done.stderr.startswith("Simulator: no ComfyUI, and no model runs.")
    assert "--comfyui URL" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_a_refusal_is_reported_exactly_once(tmp_path: Path) -> None:
    done = run("--input", json.dumps({**SMALL, "width": 3}), "-o", tmp_path)
    assert done.returncode == 1
    assert (done.stdout + done.stderr).count("must be from") == 1
    assert "(invalid_input)" in done.stderr
    assert json.loads((tmp_path / "response.json").read_text("utf-8"))["error"]["code"] == "invalid_input"


def test_a_comfyui_that_cannot_be_reached_exits_3(tmp_path: Path) -> None:
    done = run("--input", json.dumps(SMALL), "-o", tmp_path, "--comfyui", "http://127.0.0.1:9")
    assert done.returncode == 3
    assert "Simulator" not in done.stderr
    assert "comfyui_unavailable" in done.stderr


def test_json_on_standard_output_is_the_answer_alone(tmp_path: Path) -> None:
    done = run("--input", json.dumps(SMALL), "-o", tmp_path, "--format", "json")
    assert json.loads(done.stdout) == json.loads((tmp_path / "response.json").read_text("utf-8"))


def test_quiet_says_what_was_made_and_verbose_has_the_log(tmp_path: Path) -> None:
    quiet = run("--input", json.dumps(SMALL), "-o", tmp_path, "-q")
    assert quiet.stderr == ""
    assert quiet.stdout
    assert "done in" in run("--input", json.dumps(SMALL), "-o", tmp_path, "-v").stderr


@pytest.mark.parametrize("given", ["nofile.json", "@nofile.json", "prompt=cat"])
def test_an_input_file_that_is_not_there_is_reported(given: str, tmp_path: Path) -> None:
    done = run("--input", given, "-o", tmp_path / "out")
    assert done.returncode == 3
    assert f"error[no-input-file]: {given.removeprefix('@')}\n" in done.stderr
    assert "No such file" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", ["text", "@file", "file"])
def test_a_request_is_an_input_too(form: str, tmp_path: Path) -> None:
    request = json.dumps({"id": "local", "input": SMALL})
    (tmp_path / "request.json").write_text(request)
    given = {"text": request, "@file": f"@{tmp_path}/request.json", "file": f"{tmp_path}/request.json"}[form]
    done = run("--input", given, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr


def test_keys_of_a_request_that_are_for_runpod_are_reported(tmp_path: Path) -> None:
    done = run("--input", json.dumps({"input": SMALL, "webhook": "https://example.com"}), "-o", tmp_path)
    assert done.returncode == 0
    assert "note: webhook of the request is for RunPod" in done.stderr


@pytest.fixture(scope="module")
def with_field_named_input(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that has a field `input`."""
    folder = tmp_path_factory.mktemp("named")
    graph = folder / "graph.json"
    graph.write_bytes((ROOT / "graphs" / "t2i_klein_4b.json").read_bytes())
    change = ["--remove", "inputs.prompt", "--input", "input=30.text,required", "--name", "named"]
    for command in (["annotate", graph, *change], ["compile", graph, "-o", folder]):
        done = comfy2runpod(*command)
        assert done.returncode == 0, done.stderr
    return folder / "named"


@pytest.mark.parametrize("as_request", [False, True])
def test_a_package_with_a_field_input_takes_it_either_way(
    with_field_named_input: Path, tmp_path: Path, *, as_request: bool
) -> None:
    given = {"input": "a cat", "width": 64, "height": 64}
    done = run("--input", json.dumps({"input": given} if as_request else given), "-o", tmp_path,
               package=with_field_named_input)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_folder_of_packages_is_answered_with_their_names(tmp_path: Path) -> None:
    done = run("--input", "{}", package=ROOT / "generated")
    assert done.returncode == 1
    assert (
        "a folder of packages, of which one is to be named: i2i_klein_9b, i2i_multiangle, t2i_klein_4b" in done.stderr
    )
    assert "there is no such folder" in run("--input", "{}", package=tmp_path / "nowhere").stderr
