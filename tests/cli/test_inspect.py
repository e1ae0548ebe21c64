"""inspect: what it shows is what the note can say, also of graphs that compile refuses."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from .command import ERRORS, GRAPH, Done, comfy2runpod


def inspected(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = comfy2runpod("inspect", *arguments, "--format", "json")
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def by_path(found: dict[str, Any]) -> dict[str, Any]:
    return {entry["path"]: entry for entry in found["inputs"]}


def without_note() -> dict[str, Any]:
    graph: dict[str, Any] = json.loads(GRAPH.read_text("utf-8"))
    graph["nodes"] = [node for node in graph["nodes"] if node.get("title") != "comfy2runpod"]
    return graph


def saved(graph: dict[str, Any], path: Path) -> Path:
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


def test_it_shows_inputs_with_type_bounds_value_and_what_they_reach() -> None:
    inputs = by_path(inspected(GRAPH))
    seed = inputs["92.noise_seed"]
    assert (seed["kind"], seed["minimum"], seed["maximum"]) == ("seed", 0, 2**64 - 1)
    assert seed["reaches"] == ["92:11.noise_seed", "92:67.noise_seed"]
    assert seed["fields"] == ["seed"]
    frames = inputs["92.value"]
    assert frames["label"] == "frame_count"
    assert frames["value"] == 121
    # The primitive's own bounds are wider: those of what it feeds hold.
    assert (frames["minimum"], frames["maximum"]) == (1, 1000)
    assert "92:43.length" in frames["reaches"]
    assert inputs["75.codec"]["choices"] == ["auto", "h264"]
    assert inputs["92:43.length"]["linked_from"] == "92:62"
    assert "92:1.ckpt_name" not in inputs


def test_it_shows_outputs_models_packs_and_subgraphs() -> None:
    found = inspected(GRAPH)
    assert [(out["path"], out["kind"], out["class_type"], out["name"]) for out in found["outputs"]] == [
        ("75", "video", "SaveVideo", "video")
    ]
    model = next(model for model in found["models"] if model["folder"] == "loras")
    assert model["file"] == "ltx-2-19b-distilled-lora-384.safetensors"
    assert model["nodes"] == ["92:68"]
    assert model["url"].startswith("https://huggingface.co/")
    (pack,) = found["packs"]
    assert (pack["id"], pack["versions"]) == ("comfy-core", ["0.20.1"])
    assert "RandomNoise" in pack["classes"]
    (subgraph,) = found["subgraphs"]
    assert subgraph["instances"] == ["92"]
    assert ["frame_count", "INT"] in subgraph["inputs"]


def test_every_path_that_it_shows_makes_a_field(tmp_path: Path) -> None:
    paths = [entry["path"] for entry in inspected(GRAPH)["inputs"] if entry["linked_from"] is None]
    fields = {f"field_{index}": path for index, path in enumerate(paths)}

    def checked() -> Done:
        inputs = "\n".join(f'  {name}: {{from: "{path}"}}' for name, path in fields.items())
        graph, note = without_note(), f"inputs:\n{inputs}\n"
        graph["nodes"].append({"id": 999, "type": "Note", "title": "comfy2runpod", "widgets_values": [note]})
        return comfy2runpod("check", saved(graph, tmp_path / "all.json"), "--format", "json")

    # Some are paths of a subgraph's input and of what it leads to; one names the file, which the worker does.
    refused = json.loads(checked().stdout)
    assert {found["code"] for found in refused} == {"fed-twice", "feeds-a-file-name"}
    for found in refused:
        fields.pop(found["at"]["input"].removeprefix("inputs."), None)
    assert len(fields) > 20
    done = checked()
    assert done.returncode == 0, done.stdout


def test_the_text_holds_every_entry_in_columns() -> None:
    found, text = inspected(GRAPH), comfy2runpod("inspect", GRAPH).stdout
    lines = text.splitlines()
    for entry in found["inputs"]:
        assert any(line.startswith(f"  {entry['path']} ") for line in lines)
    start = lines.index("inputs that a field can feed") + 1
    rows = lines[start : lines.index("", start)]
    column = len(rows[0]) - len(rows[0][2:].split(" ", 1)[1].lstrip())
    assert all(row[column - 1] == " " and row[column] != " " for row in rows)


def test_a_graph_without_a_note_or_an_output_is_inspected_all_the_same(tmp_path: Path) -> None:
    graph = without_note()
    graph["nodes"] = [node for node in graph["nodes"] if node["type"] != "SaveVideo"]
    path = saved(graph, tmp_path / "graph.json")
    assert comfy2runpod("check", path).returncode == 1
    found = inspected(path)
    assert found["diagnostics"] == []
    assert found["outputs"] == []
    assert "92.text" in by_path(found)


def test_values_that_the_server_would_refuse_do_not_matter() -> None:
    inputs = by_path(inspected(ERRORS / "check" / "value_out_of_bounds.json"))
    assert inputs["1.width"]["value"] == 99999
    assert "expected" in inputs["1.width"]["problem"]
    assert (inputs["1.width"]["minimum"], inputs["1.width"]["maximum"]) == (1, 16384)


def test_paid_nodes_do_not_matter() -> None:
    assert inspected(ERRORS / "bind" / "paid_api_node.json")["diagnostics"] == []


def test_a_class_that_is_not_known_costs_only_its_own_inputs() -> None:
    found = inspected(ERRORS / "bind" / "unknown_class_of_a_pack.json", code=1)
    assert [entry["code"] for entry in found["diagnostics"]] == ["unknown-class"]
    assert found["outputs"] != []
    assert {"id": "comfyui-fancy-nodes", "versions": [], "classes": ["FancyImage"]} in found["packs"]
    owners = {entry["owner"] for entry in found["inputs"]}
    assert "1" not in owners
    assert owners


def test_values_that_do_not_fit_their_class_are_not_shown(tmp_path: Path) -> None:
    graph = without_note()
    nodes = graph["definitions"]["subgraphs"][0]["nodes"]
    node = next(node for node in nodes if node["type"] == "LTXVScheduler")
    node["widgets_values"] = ["x", *node["widgets_values"], 1, 2, 3]
    found = inspected(saved(graph, tmp_path / "graph.json"), code=1)
    assert [entry["at"]["class_type"] for entry in found["diagnostics"]] == ["LTXVScheduler"]
    inputs = by_path(found)
    assert (inputs["92:9.steps"]["value"], inputs["92:9.steps"]["value_known"]) == (None, False)
    assert (inputs["92:9.steps"]["minimum"], inputs["92:9.steps"]["maximum"]) == (1, 10000)
    assert inputs["92.text"]["value_known"] is True


def test_a_broken_link_costs_only_its_node(tmp_path: Path) -> None:
    graph = without_note()
    graph["links"] = [link for link in graph["links"] if link[3] != 75]
    found = inspected(saved(graph, tmp_path / "graph.json"), code=1)
    assert [entry["code"] for entry in found["diagnostics"]] == ["broken-link"]
    assert "92.text" in by_path(found)


def test_what_is_not_a_graph_is_refused_in_both_formats(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]", encoding="utf-8")
    done = comfy2runpod("inspect", tmp_path / "x.json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "not-a-graph" in done.stderr
    assert inspected(tmp_path / "x.json", code=1)["diagnostics"][0]["code"] == "not-a-graph"
    assert comfy2runpod("inspect", tmp_path / "nowhere.json").returncode == 3


TEMPLATES = sorted(
    path.name
    for path in resources.files("comfyui_workflow_templates_json").joinpath("templates").iterdir()
    if path.name.endswith(".json")
)


@pytest.mark.parametrize("name", TEMPLATES[::20])
def test_public_templates_are_inspected_or_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(resources.files("comfyui_workflow_templates_json").joinpath("templates", name).read_bytes())
    done = comfy2runpod("inspect", path, "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == bool(found["diagnostics"])
    if done.returncode == 0:
        assert found["outputs"] or found["inputs"]
