"""Names of a stranger's files have no line of their own, whatever says them; too long texts are refused in place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from comfy2runpod.quoting import prose

from .command import ROOT, Done, comfy2runpod

GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"
LINE = "::error::x,y"
NAME = f"a\n{LINE}\t\x1b[2J.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "gh"
    place.mkdir()
    shutil.copy(GRAPH, place / NAME)
    # One that is refused, and one that is none.
    (place / f"b{NAME}").write_text('{"nodes": [], "links": []}')
    (place / f"c{NAME}").write_text("no JSON")
    return place


def lines(done: Done) -> list[str]:
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
@pytest.mark.parametrize(
    "command", [("check",), ("prompt",), ("prompt", "-o", "out"), ("compile", "-o", "out"), ("compile", "--check")]
)
def test_a_file_name_has_no_line_of_its_own(folder: Path, command: tuple[str, ...], form: str) -> None:
    done = comfy2runpod(*command, "gh", "--format", form, cwd=folder.parent)
    assert done.returncode in (1, 3), done.stderr
    assert not any(line.strip().startswith(LINE) for line in lines(done)), lines(done)
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [("inspect",), ("annotate",), ("diff", "gh"), ("run", "--input", "{}")])
def test_nor_elsewhere(folder: Path, command: tuple[str, ...]) -> None:
    done = comfy2runpod(*command, folder / NAME if command[0] != "diff" else "gh", cwd=folder.parent)
    assert not any(line.strip().startswith(LINE) for line in lines(done)), lines(done)


def test_a_text_of_a_graph_has_no_line_of_its_own_in_a_table(tmp_path: Path) -> None:
    graph = json.loads(GRAPH.read_text())
    graph.setdefault("extra", {})["frontendVersion"] = f"1.43\n{LINE}"
    for node in graph["nodes"]:
        node["title"] = f"a\n{LINE}\x1b[2J"
        node.setdefault("properties", {})["cnr_id"] = f"a\n{LINE}"
        for model in node["properties"].get("models", ()):
            model["url"] = f"https://host/a\n{LINE}"
    (tmp_path / "g.json").write_text(json.dumps(graph))
    done = comfy2runpod("inspect", tmp_path / "g.json")
    assert done.returncode == 0, done.stderr
    assert LINE in done.stdout
    assert not any(line.strip().startswith(LINE) for line in lines(done)), lines(done)
    assert "\x1b" not in done.stdout


def test_a_title_of_a_strangers_package_has_no_line_of_its_own(tmp_path: Path) -> None:
    package = shutil.copytree(ROOT / "generated" / "t2i_klein_4b", tmp_path / "pkg")
    document = json.loads((package / "docs" / "openapi.json").read_text())
    document["info"]["title"] = f"a\n{LINE}"
    (package / "docs" / "openapi.json").write_text(json.dumps(document))
    done = comfy2runpod("docs", package, "-o", tmp_path / "site")
    assert (done.returncode, any(line.startswith(LINE) for line in lines(done))) == (0, False), lines(done)


def test_a_manifest_names_no_file_with_a_line_of_its_own(tmp_path: Path) -> None:
    package = shutil.copytree(ROOT / "generated" / "t2i_klein_4b", tmp_path / "pkg")
    manifest = json.loads((package / ".comfy2runpod.json").read_text())
    manifest["files"][f"a\n{LINE}"] = "0" * 64
    (package / ".comfy2runpod.json").write_text(json.dumps(manifest))
    done = comfy2runpod("build", package)
    assert (done.returncode, any(line.strip().startswith(LINE) for line in lines(done))) == (1, False), lines(done)


def test_run_says_that_a_graph_is_compiled_first() -> None:
    done = comfy2runpod("run", GRAPH, "--input", "{}")
    assert done.returncode == 1
    assert f"a graph is compiled first: comfy2runpod compile {GRAPH}" in done.stderr
    assert "no such folder" in comfy2runpod("run", GRAPH / "none", "--input", "{}").stderr


def test_what_helps_fits_the_reason() -> None:
    done = comfy2runpod("compile", GRAPH, "-o", "/proc/x")
    assert done.returncode == 3
    assert "Choose another output (-o): nothing can be made there." in done.stderr
    assert "permissions" not in done.stderr


@pytest.mark.parametrize("key", ["title", "description", "inputs.steps.title", "inputs.steps.description"])
def test_a_text_that_nobody_reads_is_refused_where_it_stands(tmp_path: Path, key: str) -> None:
    graph = json.loads(GRAPH.read_text())
    (note,) = [node for node in graph["nodes"] if node.get("title") == "comfy2runpod"]
    *way, last = key.split(".")
    for length, code in ((10_000, 0), (10_001, 1)):
        text = ("`a` " * length)[:length]
        inner = f'{last}: "{text}"'
        if way:
            inner = f'inputs: {{steps: {{from: "none", {inner}}}}}'
        note["widgets_values"] = [f"```yaml\nname: t\n{inner}\n```\n"]
        (tmp_path / "t.json").write_text(json.dumps(graph))
        done = comfy2runpod("check", tmp_path / "t.json")
        too_long = "10,000 characters at most, found 10,001" in done.stderr
        assert too_long == bool(code), done.stderr


def test_prose_is_as_long_as_its_text() -> None:
    assert prose("a `<b>` & `c`") == "a <code>&lt;b&gt;</code> &amp; <code>c</code>"
    assert len(prose("`a` " * 200_000)) == len("<code>a</code> ") * 200_000
