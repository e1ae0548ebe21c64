"""Folders of graphs and packages as arguments: all are processed, and the errors are reported together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from .command import ERRORS, ROOT, comfy2runpod

PACKAGE = ROOT / "generated" / "t2i_klein_4b"
GOOD = ROOT / "graphs" / "t2i_klein_4b.json"
BAD = (ERRORS / "check" / "value_out_of_bounds.json", ERRORS / "bind" / "unknown_class.json")


@pytest.fixture
def graphs(tmp_path: Path) -> Path:
    """A good graph between bad ones, a lock, and files that are no graphs."""
    folder = tmp_path / "graphs"
    folder.mkdir()
    for graph in (*BAD, GOOD):
        shutil.copy(graph, folder)
    (folder / "t2i_klein_4b.lock.json").write_text('{"version": 1, "files": {}}')
    (folder / "notes.txt").write_text("mine")
    (folder / ".hidden.json").write_text("{")
    return folder


@pytest.mark.parametrize("command", ["check", "compile", "prompt"])
def test_good_and_bad_graphs_of_a_folder_are_reported_together(command: str, graphs: Path, tmp_path: Path) -> None:
    output = [] if command == "check" else ["-o", tmp_path / "out"]
    done = comfy2runpod(command, graphs, *output)
    assert done.returncode == 1
    assert "value-out-of-bounds" in done.stderr
    assert "unknown-class" in done.stderr
    assert "lock" not in done.stderr
    made = {path.name for path in (tmp_path / "out").iterdir()} if output else set()
    assert made >= {"check": set(), "compile": {"t2i_klein_4b"}, "prompt": {"t2i_klein_4b.prompt.json"}}[command]
    if command != "prompt":
        assert "2 of 3 refused" in done.stderr


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    done = comfy2runpod("compile", "nowhere.json", GOOD, "-o", tmp_path)
    assert done.returncode == 3
    assert "cannot-read" in done.stderr
    assert (tmp_path / "t2i_klein_4b" / "handler.py").exists()


@pytest.mark.parametrize("command", ["check", "compile", "prompt", "lock"])
def test_a_folder_without_graphs_is_reported(command: str, tmp_path: Path) -> None:
    (tmp_path / "x.lock.json").write_text("{}")
    done = comfy2runpod(command, tmp_path)
    assert done.returncode == 1
    assert "error[no-graphs]" in done.stderr


@pytest.mark.parametrize("command", ["serve", "docs", "diff"])
def test_a_folder_without_packages_is_reported(command: str, tmp_path: Path) -> None:
    done = comfy2runpod(command, tmp_path, *([tmp_path] if command == "diff" else []))
    assert done.returncode == 1
    assert "error[not-a-package]" in done.stderr


def test_folders_of_graphs_and_of_packages_are_compared_by_name(tmp_path: Path) -> None:
    (tmp_path / "released").mkdir()
    (tmp_path / "new").mkdir()
    shutil.copytree(PACKAGE, tmp_path / "released" / PACKAGE.name)
    shutil.copy(GOOD, tmp_path / "new" / "renamed.json")
    same = comfy2runpod("diff", tmp_path / "released", tmp_path / "new")
    assert (same.returncode, "no change in the interface" in same.stdout) == (0, True), same.stdout + same.stderr
    shutil.copy(BAD[0], tmp_path / "new")
    shutil.copy(BAD[1], tmp_path / "new")
    done = comfy2runpod("diff", tmp_path / "released", tmp_path / "new")
    assert done.returncode == 1
    assert "value-out-of-bounds" in done.stderr
    assert "unknown-class" in done.stderr


def test_compile_ends_with_commands_that_can_be_copied(graphs: Path, tmp_path: Path) -> None:
    out = tmp_path / "my packages"
    done = comfy2runpod("compile", graphs / GOOD.name, "-o", out)
    assert done.returncode == 0
    package = out / "t2i_klein_4b"
    run = f"comfy2runpod run '{package}' --input '@{package}/test_input.json' -o output/t2i_klein_4b"
    assert run in done.stdout
    assert f"comfy2runpod lock {graphs / GOOD.name}" in done.stdout
    assert "  models   3 files, about 16.1 GB\n  unlocked flux-2-klein-4b.safetensors\n" in done.stdout
    assert "disk     27 GB a worker: 10 GB and the models\n" in done.stdout


def test_a_disk_without_room_for_models_of_unknown_size_is_reported(graphs: Path, tmp_path: Path) -> None:
    graph = graphs / GOOD.name
    graph.write_text(graph.read_text("utf-8").replace("size: 8.04GB, ", ""))
    done = comfy2runpod("compile", graph, "-o", tmp_path / "out")
    assert done.returncode == 0
    assert "warning[model-size-unknown]" in done.stderr
    assert "The size of qwen_3_4b.safetensors is not known" in done.stderr
    assert "19 GB a worker: 10 GB and the models, but 1 of them not counted: size not known" in done.stdout
    hub = json.loads((tmp_path / "out" / "t2i_klein_4b" / ".runpod" / "hub.json").read_text("utf-8"))
    assert hub["config"]["containerDiskInGb"] == 19


def test_a_locked_package_needs_no_lock(graphs: Path, tmp_path: Path) -> None:
    package = json.loads((PACKAGE / "models.lock.json").read_text("utf-8"))["models"]
    files = {model["url"]: {"revision": "a" * 40, "size": 10**9, "sha256": "b" * 64} for model in package}
    (graphs / "t2i_klein_4b.lock.json").write_text(json.dumps({"version": 1, "files": files}))
    done = comfy2runpod("compile", graphs / GOOD.name, "-o", tmp_path / "out")
    assert "3 files, 3.0 GB; all locked" in done.stdout
    assert "comfy2runpod lock" not in done.stdout


def test_many_equal_faults_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "local")
    (tmp_path / "in.jsonl").write_text("not JSON\n" * 568)
    command = ["batch", "http://127.0.0.1:9/v2/x", tmp_path / "in.jsonl", "-o", tmp_path / "out"]
    done = comfy2runpod(*command)
    assert done.returncode == 1
    assert done.stderr.count("error[bad-line]") == 1
    assert "in.jsonl:4 and 564 more places" in done.stderr
    assert comfy2runpod(*command, "--verbose").stderr.count("error[bad-line]") > 50
