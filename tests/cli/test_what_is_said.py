"""Messages about files and folders are true: what was written, what prevents it, and the remedy."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from comfy2runpod.git import ignored_by_git

from .command import ROOT, Done, comfy2runpod

PACKAGE = ROOT / "generated" / "t2i_klein_4b"
EDIT = ROOT / "generated" / "i2i_klein_9b"
GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"
SMALL = '{"prompt": "a cat", "width": 64, "height": 64}'


def said(done: Done) -> str:
    return " ".join((done.stdout + done.stderr).split())


def test_the_report_of_a_refused_graph_mentions_no_package(tmp_path: Path) -> None:
    done = comfy2runpod("compile", "nofile", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.endswith("1 of 1 refused; nothing was written for it.\n")


def test_a_folder_in_the_place_of_a_file_is_reported_as_such(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = comfy2runpod("inspect", "graphs")
    assert done.returncode == 3
    assert "This is a folder, not a file. help: Name a file in it, such as graphs/" in said(done)
    assert "help: Name a file." in said(comfy2runpod("inspect", "empty", cwd=tmp_path))


def test_a_batch_of_a_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "local")
    done = comfy2runpod("batch", "http://127.0.0.1:9/v2/x", ".", "-o", "r", cwd=tmp_path)
    assert done.returncode == 3
    assert "This is a folder, not a file. help: Name a file." in said(done)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v2/x"])
def test_a_batch_that_nobody_answers_says_to_look_at_the_address(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "local")
    (tmp_path / "inputs.jsonl").write_text(SMALL)
    done = comfy2runpod("batch", address, "inputs.jsonl", "-o", "r", cwd=tmp_path)
    assert done.returncode == 3
    assert "Check the address; if it is one of `serve`, that it runs; then run the same command again" in said(done)


@pytest.mark.parametrize("given", ["", "  "])
def test_an_empty_input_is_reported_as_such(given: str) -> None:
    done = comfy2runpod("run", PACKAGE, "--input", given)
    assert done.returncode == 1
    assert "The input is empty." in said(done)


@pytest.mark.parametrize(
    "command",
    [
        ["compile", GRAPH, "-o", "here"],
        ["compile", GRAPH, "-o", "here/in/it"],
        ["run", PACKAGE, "--input", SMALL, "-o", "here"],
        ["annotate", GRAPH, "--title", "Another", "-o", "here"],
    ],
    ids=lambda words: f"{words[0]} {words[-1]}",
)
def test_a_link_that_leads_nowhere_is_reported_as_such(command: list[str | Path], tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to("nowhere")
    done = comfy2runpod(*command, cwd=tmp_path)
    assert done.returncode == 3
    assert "]: here " in said(done), done.stderr
    assert "it is a link that leads nowhere" in said(done)
    assert "permissions" not in said(done)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_the_place_of_a_folder_is_no_matter_of_permissions(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for command in (["compile", GRAPH, "-o", "file/out"], ["run", PACKAGE, "--input", SMALL, "-o", "file/out"]):
        done = comfy2runpod(*command, cwd=tmp_path)
        assert done.returncode == 3
        assert "or move away what is there." in said(done), done.stderr


def test_paths_are_reported_as_they_were_given(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine").write_text("mine")
    assert comfy2runpod("compile", GRAPH, cwd=tmp_path).returncode == 0
    (tmp_path / "generated" / "t2i_klein_4b" / "handler.py").write_text("mine")
    other = tmp_path / "other.json"
    other.write_text(GRAPH.read_text().replace("Klein", "Small"))
    shutil.copy(GRAPH, tmp_path / "noted.json")
    (tmp_path / "noted.json").write_text("{}")
    for command, place in (
        (["docs", PACKAGE, "-o", "site"], "site"),
        (["compile", GRAPH], "generated/t2i_klein_4b"),
        (["annotate", GRAPH, "--title", "Another", "-o", "noted.json"], "noted.json"),
    ):
        done = comfy2runpod(*command, cwd=tmp_path)
        assert done.returncode == 1
        assert f"]: {place}\n" in done.stderr
        assert f"{tmp_path}" not in done.stderr


def test_a_remedy_names_no_folder_that_is_not_there(tmp_path: Path) -> None:
    for command in (["run", "x", "--input", "{}"], ["docs", "."], ["serve", "."]):
        done = comfy2runpod(*command, cwd=tmp_path)
        assert done.returncode != 0
        assert "generated/" not in done.stderr


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[]", "an empty array"),
        ("[1]", "an array"),
        ('"x"', "a string"),
        ("1", "a"),
        ("null", "null"),
        ("{}", "an empty object"),
    ],
)
def test_what_is_not_a_graph_is_named(text: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    done = comfy2runpod("check", "x.json", cwd=tmp_path)
    assert done.returncode == 1
    assert f"found {found}" in said(done)


def test_a_question_in_a_refusal_has_one_stop(tmp_path: Path) -> None:
    done = comfy2runpod("run", PACKAGE, "--input", '{"prompt": "a cat", "widht": 64}', "-o", "out", cwd=tmp_path)
    assert done.returncode == 1
    error = json.loads((tmp_path / "out" / "response.json").read_text("utf-8"))["error"]
    assert error["message"].endswith("did you mean width?")
    assert "?." not in error["message"]


@pytest.mark.slow
def test_an_image_of_this_machine_is_named_with_an_at(tmp_path: Path) -> None:
    made = comfy2runpod("run", PACKAGE, "--input", SMALL, "-o", "out", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    (tmp_path / "photo.png").write_bytes((tmp_path / "out" / "image.png").read_bytes())
    refused = comfy2runpod("run", EDIT, "--input", '{"prompt": "x", "image": "photo.png"}', cwd=tmp_path)
    assert refused.returncode == 1
    remedy = 'To send the file, write "image": "@photo.png".'
    assert remedy in said(refused)
    taken = comfy2runpod("run", EDIT, "--input", '{"prompt": "x", "image": "@photo.png"}', cwd=tmp_path)
    assert taken.returncode == 0, taken.stderr
    other = comfy2runpod("run", EDIT, "--input", '{"prompt": "x", "image": "nothing.png"}', cwd=tmp_path)
    assert "To send the file" not in said(other)
    assert '{"image": "@photo.png"}' in said(comfy2runpod("run", "--help"))


def test_an_answer_beside_graphs_is_no_graph(tmp_path: Path) -> None:
    graphs = tmp_path / "graphs"
    graphs.mkdir()
    shutil.copy(GRAPH, graphs)
    assert comfy2runpod("run", PACKAGE, "--input", SMALL, "-o", "graphs", cwd=tmp_path).returncode == 0
    assert (graphs / "response.json").exists()
    assert comfy2runpod("check", "graphs", cwd=tmp_path).returncode == 0
    # A file that a user wrote in its place is read.
    (graphs / "response.json").write_text("{}")
    assert comfy2runpod("check", "graphs", cwd=tmp_path).returncode == 1


def test_prompt_says_what_it_wrote(tmp_path: Path) -> None:
    done = comfy2runpod("prompt", GRAPH, "-o", "out", cwd=tmp_path)
    assert done.stdout == f"out/t2i_klein_4b.prompt.json: the prompt of {GRAPH}\n"
    assert comfy2runpod("prompt", GRAPH, "-o", "out", "-q", cwd=tmp_path).stdout == ""


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_what_git_would_leave_out_of_a_package_is_reported(tmp_path: Path) -> None:
    assert "Git ignores" not in said(comfy2runpod("compile", GRAPH, cwd=tmp_path))
    git(tmp_path, "init", "-q")
    assert "Git ignores" not in said(comfy2runpod("compile", GRAPH, cwd=tmp_path))
    (tmp_path / ".gitignore").write_text("*.whl\n")
    done = comfy2runpod("compile", GRAPH, cwd=tmp_path)
    assert done.returncode == 0
    assert "Git ignores generated/t2i_klein_4b/runtime/" in said(done)
    assert "Git ignores" not in said(comfy2runpod("compile", GRAPH, "-q", cwd=tmp_path))
    (command,) = [line.partition(": ")[2] for line in done.stdout.splitlines() if "git add -f" in line]
    git(tmp_path, *command.split()[1:])
    assert ".whl" in git(tmp_path, "ls-files")
    # What is committed already is not omitted.
    assert "Git ignores" not in said(comfy2runpod("compile", GRAPH, cwd=tmp_path))


def test_a_git_that_hangs_or_fails_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere")
    assert ignored_by_git(tmp_path, ["a"]) == ()
    (tmp_path / ".git").unlink()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:/usr/bin:/bin")
    monkeypatch.setattr("comfy2runpod.git._SECONDS", 0.1)
    assert ignored_by_git(tmp_path, ["a"]) == ()
    monkeypatch.setenv("PATH", "/nowhere")
    assert ignored_by_git(tmp_path, ["a"]) == ()
