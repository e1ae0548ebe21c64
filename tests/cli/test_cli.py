"""The command line: what it prints, what it leaves on disk, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .command import GRAPH, ROOT, comfy2runpod

BAD = ROOT / "tests" / "errors" / "check" / "value_out_of_bounds.json"


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_compile_writes_the_committed_package(tmp_path: Path) -> None:
    done = comfy2runpod("compile", GRAPH, "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    # The runtime's wheel is not committed; its hash is, in requirements.txt.
    compiled = {name: data for name, data in content(tmp_path / "t2v_ltx2").items() if not name.endswith(".whl")}
    assert compiled == {
        name: data
        for name, data in content(ROOT / "generated" / "t2v_ltx2").items()
        if "__pycache__" not in name and not name.endswith(".whl")
    }


def test_compiling_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    comfy2runpod("compile", GRAPH, "-o", tmp_path)
    first = content(tmp_path)
    comfy2runpod("compile", GRAPH, "-o", tmp_path)
    assert content(tmp_path) == first


def test_a_refused_graph_exits_1_and_leaves_the_old_package(tmp_path: Path) -> None:
    good = tmp_path / "graph.json"
    good.write_bytes(
        (ROOT / "tests" / "errors" / "check" / "value_out_of_bounds.json").read_bytes().replace(b"99999", b"64")
    )
    assert comfy2runpod("compile", good, "-o", tmp_path / "out").returncode == 0
    before = content(tmp_path / "out")
    good.write_bytes(BAD.read_bytes())
    done = comfy2runpod("compile", good, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "value-out-of-bounds" in done.stderr
    assert content(tmp_path / "out") == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["graph"]


def test_one_refused_graph_does_not_stop_the_others(tmp_path: Path) -> None:
    done = comfy2runpod("compile", BAD, GRAPH, "-o", tmp_path)
    assert done.returncode == 1
    assert (tmp_path / "t2v_ltx2" / "handler.py").exists()


@pytest.mark.parametrize(("arguments", "code"), [(("--version",), 0), (("check", BAD), 1), (("compile",), 2)])
def test_as_a_process_it_ends_with_the_same_codes(arguments: tuple[str | Path, ...], code: int) -> None:
    command = [sys.executable, "-m", "comfy2runpod", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == comfy2runpod(*arguments).returncode == code
    assert "Traceback" not in done.stderr


def test_wrong_usage_exits_2() -> None:
    assert comfy2runpod("compile").returncode == 2
    assert comfy2runpod("compile", GRAPH, "--editor", "9.9").returncode == 2


def test_a_missing_file_exits_3() -> None:
    done = comfy2runpod("compile", "nowhere.json")
    assert done.returncode == 3
    assert "cannot-read" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_exits_3_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = comfy2runpod("compile", GRAPH, "-o", tmp_path / "file" / "out")
    assert done.returncode == 3
    assert "cannot-write" in done.stderr
    assert content(tmp_path) == {"file": b"in the way"}


def test_a_folder_of_other_files_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "t2v_ltx2").mkdir()
    (tmp_path / "t2v_ltx2" / "notes.txt").write_text("mine")
    done = comfy2runpod("compile", GRAPH, "-o", tmp_path)
    assert done.returncode == 1
    assert content(tmp_path) == {"t2v_ltx2/notes.txt": b"mine"}


def test_two_graphs_of_one_name_are_an_error_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "graph.json").write_bytes(GRAPH.read_bytes())
    done = comfy2runpod("compile", GRAPH, tmp_path / "other" / "graph.json", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "error[package-named-twice]" in done.stderr
    assert not (tmp_path / "out").exists()
    assert comfy2runpod("compile", GRAPH, GRAPH.resolve(), "-o", tmp_path / "out").returncode == 0


def test_compile_names_what_was_changed_by_hand_and_force_replaces_it(tmp_path: Path) -> None:
    comfy2runpod("compile", GRAPH, "-o", tmp_path)
    whole = content(tmp_path)
    package = tmp_path / "t2v_ltx2"
    (package / "patch.py").write_text("mine")
    (package / "NOTES.md").write_text("mine too")
    changed = content(tmp_path)
    refused = comfy2runpod("compile", GRAPH, "-o", tmp_path)
    assert (refused.returncode, content(tmp_path)) == (1, changed)
    assert "error[changed-by-hand]" in refused.stderr
    assert "changed since they were written: patch.py." in refused.stderr
    forced = comfy2runpod("compile", GRAPH, "-o", tmp_path, "--force")
    assert forced.returncode == 0
    assert "warning[changed-file-replaced]" in forced.stderr
    assert content(tmp_path) == {**whole, "t2v_ltx2/NOTES.md": b"mine too"}


def test_quiet_prints_no_warning_of_any_command(tmp_path: Path) -> None:
    unsized = tmp_path / "unsized.json"
    small = (ROOT / "graphs" / "t2i_klein_4b.json").read_text("utf-8")
    unsized.write_text(small.replace("size: 8.04GB, ", "").replace("name: t2i_klein_4b", "name: unsized"), "utf-8")
    for command in (("compile", unsized, "-o", tmp_path / "out"), ("check", unsized), ("inspect", unsized)):
        told, quiet = comfy2runpod(*command), comfy2runpod(*command, "--quiet")
        assert (told.returncode, quiet.returncode, quiet.stderr) == (0, 0, ""), quiet.stderr
    assert "warning[" in comfy2runpod("compile", unsized, "-o", tmp_path / "out").stderr
    package = tmp_path / "out" / "unsized"
    changed = package / "patch.py"
    changed.write_text("mine")
    assert comfy2runpod("compile", unsized, "-o", tmp_path / "out", "-q").stderr.startswith("error[changed-by-hand]")
    forced = comfy2runpod("compile", unsized, "-o", tmp_path / "out", "-q", "--force")
    assert (forced.returncode, forced.stdout, forced.stderr) == (0, "", "")
    for _ in range(2):
        site = comfy2runpod("docs", package, "-o", tmp_path / "site", "-q", "--force")
        assert (site.returncode, site.stdout, site.stderr) == (0, "", "")
        (tmp_path / "site" / "index.html").write_text("mine")
    report = json.loads(comfy2runpod("compile", unsized, "-o", tmp_path / "out", "-q", "--format", "json").stdout)
    assert [one["severity"] for one in report][:1] == ["warning"]


def test_one_package_that_cannot_be_written_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "t2v_ltx2").write_text("mine")
    other = tmp_path / "graph.json"
    other.write_bytes(BAD.read_bytes().replace(b"99999", b"64"))
    done = comfy2runpod("compile", GRAPH, other, "-o", tmp_path)
    assert done.returncode == 1
    assert "error[not-ours]" in done.stderr
    assert ((tmp_path / "t2v_ltx2").read_text(), (tmp_path / "graph" / "handler.py").exists()) == ("mine", True)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("t2v_ltx2.prompt.json", ("prompt", GRAPH, "-o", ".")),
        ("value_out_of_bounds.error.json", ("prompt", BAD, "-o", ".")),
        ("c.json", ("catalog", "refresh", "--from", "answer.json", "-o", "c.json")),
        ("b.json", ("annotate", GRAPH, "--title", "Another", "-o", "b.json")),
        ("response.json", ("run", ROOT / "generated" / "t2v_ltx2", "--input", "{}", "-o", ".")),
        ("video.mp4", ("run", ROOT / "generated" / "t2v_ltx2", "--input", "{}", "-o", ".")),
    ],
)
def test_a_users_file_with_the_name_of_a_result_is_not_lost(
    tmp_path: Path, name: str, command: tuple[str | Path, ...]
) -> None:
    answer = {"A": {"input": {}, "output": ["IMAGE"], "output_name": ["IMAGE"], "name": "A", "python_module": "nodes"}}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    (tmp_path / name).write_text('{"mine": 1}')
    before = content(tmp_path)
    done = comfy2runpod(*command, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert ("error[not-ours]" in done.stderr) or ("error[changed-by-hand]" in done.stderr)
    assert content(tmp_path) == before


def test_a_file_of_200_mb_is_refused_unread(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(200 * 1024 * 1024)
    done = comfy2runpod("compile", large, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "file-too-large" in done.stderr
    assert not (tmp_path / "out").exists()


def test_check_writes_nothing(tmp_path: Path) -> None:
    assert comfy2runpod("check", GRAPH).returncode == 0
    assert comfy2runpod("check", BAD).returncode == 1


def test_prompt_writes_a_prompt_or_an_error_for_each_graph(tmp_path: Path) -> None:
    done = comfy2runpod("prompt", GRAPH, BAD, "-o", tmp_path)
    assert done.returncode == 1
    prompt = json.loads((tmp_path / "t2v_ltx2.prompt.json").read_text())
    assert prompt["92:11"]["class_type"] == "RandomNoise"
    error = json.loads((tmp_path / "value_out_of_bounds.error.json").read_text())
    assert error["diagnostics"][0]["code"] == "value-out-of-bounds"


def test_prompts_of_one_name_are_an_error_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / GRAPH.name
    other.write_bytes(BAD.read_bytes())
    done = comfy2runpod("prompt", GRAPH, other, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "error[prompt-named-twice]" in done.stderr
    assert not (tmp_path / "out").exists()
    assert comfy2runpod("prompt", GRAPH, GRAPH.resolve(), "-o", tmp_path / "out").returncode == 0


def test_prompt_removes_an_old_refusal_and_names_an_old_prompt(tmp_path: Path) -> None:
    graph, prompt, error = (tmp_path / name for name in ("a.json", "a.prompt.json", "a.error.json"))
    for _ in range(2):
        graph.write_bytes(GRAPH.read_bytes())
        done = comfy2runpod("prompt", graph, "-o", tmp_path)
        assert (done.returncode, prompt.exists(), error.exists()) == (0, True, False)
        assert "old-prompt-kept" not in done.stderr
        right = prompt.read_bytes()
        graph.write_bytes(BAD.read_bytes())
        done = comfy2runpod("prompt", graph, "-o", tmp_path)
        assert (done.returncode, prompt.read_bytes(), error.exists()) == (1, right, True)
        assert "warning[old-prompt-kept]" in done.stderr


def test_prompt_keeps_a_file_of_the_users_that_has_the_name_of_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "t2v_ltx2.error.json").write_text("mine")
    assert comfy2runpod("prompt", GRAPH, "-o", tmp_path).returncode == 0
    assert (tmp_path / "t2v_ltx2.error.json").read_text() == "mine"


@pytest.mark.parametrize("given", ['{"prompt": "a cat"', "@nowhere.json"])
def test_run_refuses_an_input_that_is_not_json(given: str, tmp_path: Path) -> None:
    done = comfy2runpod("run", ROOT / "generated" / "t2v_ltx2", "--input", given, "-o", tmp_path / "out")
    assert done.returncode in (1, 3)
    assert "Traceback" not in done.stderr


def test_run_reports_a_folder_that_is_not_a_package(tmp_path: Path) -> None:
    done = comfy2runpod("run", tmp_path, "--input", "{}")
    assert done.returncode == 1
    assert "no handler.py" in done.stderr


@pytest.mark.parametrize("command", ["run", "serve", "docs", "diff"])
def test_what_is_no_package_is_refused_and_where_nothing_is_was_not_reached(command: str, tmp_path: Path) -> None:
    """One exit code of all commands that read packages: for a folder, a file, a pipe, and a trace of a package."""
    more = {"run": ["--input", "{}"], "docs": ["-o", tmp_path / "site"], "serve": [], "diff": [ROOT / "generated"]}
    (tmp_path / "empty").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "workflow_api.json").write_text("{}")
    (tmp_path / "file.bin").write_text("{}")
    os.mkfifo(tmp_path / "pipe.bin")
    # `diff` takes graphs too, and waits for one in a pipe.
    names = ["empty", "half", *(["file.bin", "pipe.bin"] if command != "diff" else [])]
    codes = {name: comfy2runpod(command, tmp_path / name, *more[command]).returncode for name in [*names, "nowhere"]}
    assert codes == {**dict.fromkeys(names, 1), "nowhere": 3}


def test_an_input_with_a_key_twice_is_refused(tmp_path: Path) -> None:
    given = '{"prompt": "a", "seed": 1, "seed": 2}'
    done = comfy2runpod("run", ROOT / "generated" / "t2v_ltx2", "--input", given, "-o", tmp_path / "out")
    assert (done.returncode, 'the key "seed" stands twice in an object' in done.stderr) == (1, True)


def test_annotate_reads_no_graph_from_a_pipe_that_it_could_not_write_back(tmp_path: Path) -> None:
    """In a process of its own: one that read the pipe would wait for ever."""
    pipe = tmp_path / "graph.json"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "comfy2runpod", "annotate", str(pipe), "--name", "x"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "it is a pipe" in done.stderr) == (3, True)
    assert pipe.is_fifo()
