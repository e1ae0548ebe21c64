"""Group nodes of old files beyond their prompts, which tests/compiler/editor_cases/group_nodes holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, compile_graph, convert
from comfy2runpod_contract.json_types import Json, JsonObject

CASES = Path(__file__).parent / "editor_cases" / "group_nodes"


def graph(case: str) -> JsonObject:
    return cast(JsonObject, cast(JsonObject, json.loads((CASES / f"{case}.json").read_text("utf-8")))["graph"])


def encoded(graph: JsonObject) -> bytes:
    return json.dumps(graph).encode()


def saved_by(graph: JsonObject, version: str) -> JsonObject:
    return graph | {"extra": cast(JsonObject, graph["extra"]) | {"frontendVersion": version}}


@pytest.mark.parametrize(("version", "node"), [("1.43.18", "2:0"), ("1.58.1", "6:4")])
def test_a_field_names_an_input_inside_a_group_node(version: str, node: str) -> None:
    note: JsonObject = {
        "id": 90,
        "type": "Note",
        "title": "comfy2runpod",
        "widgets_values": [f'inputs: {{wide: {{from: "{node}.width"}}}}\noutputs: {{images: {{from: 3, many: true}}}}'],
    }
    annotated = saved_by(graph("values"), version)
    # The note's id would be counted by an editor that gives new ones.
    note["id"] = "note"
    annotated["nodes"] = [*cast("list[Json]", annotated["nodes"]), note]
    compiled = compile_graph(encoded(annotated), "values.json", load_catalog(), Options())
    assert f'prompt["{node}"]["inputs"]["width"] = request.wide' in compiled.files["patch.py"]


@pytest.mark.parametrize("key", ["9" * 5000, "\u0660"])
def test_a_setting_of_no_node_of_the_group_counts_for_nothing(key: str) -> None:
    plain = saved_by(graph("values"), "1.43.18")
    odd = cast("dict[str, dict[str, dict[str, JsonObject]]]", json.loads(encoded(plain)))
    for group in odd["extra"]["groupNodes"].values():
        settings: JsonObject = {key: {"visible": False}}
        config = cast(JsonObject, group.setdefault("config", {}))
        config[key] = {"input": {"width": {"visible": False}}, "output": {"0": {"visible": False}}}
        config["1000"] = {"output": settings}
    first, second = (
        prompt_to_json(
            convert(encoded(cast(JsonObject, each)), "values.json", load_catalog(), Options()).graph.prompt()
        )
        for each in (plain, odd)
    )
    assert first == second


def test_editors_that_differ_in_ids_alone_do_not_disagree() -> None:
    converted = convert(encoded(graph("duplicate_names")), "old.json", load_catalog(), Options())
    assert set(prompt_to_json(converted.graph.prompt())) == {"2:0", "2:1", "2:2", "3"}


def test_editors_that_queue_different_values_disagree() -> None:
    with pytest.raises(CompileError) as refused:
        convert(encoded(graph("inner_primitive")), "old.json", load_catalog(), Options())
    assert [(item.code, item.at.node, item.at.input) for item in refused.value.diagnostics] == [
        ("editors-disagree", "2:1", "width")
    ]


def test_a_definition_that_nothing_uses_may_be_broken() -> None:
    broken = graph("plain")
    groups = cast(JsonObject, cast(JsonObject, broken["extra"])["groupNodes"])
    groups["left over"] = {"nodes": "none", "links": 5}
    expected = prompt_to_json(convert(encoded(graph("plain")), "old.json", load_catalog(), Options()).graph.prompt())
    assert prompt_to_json(convert(encoded(broken), "old.json", load_catalog(), Options()).graph.prompt()) == expected


def test_a_malformed_definition_is_named_by_its_place() -> None:
    broken = graph("plain")
    groups = cast("dict[str, JsonObject]", cast(JsonObject, broken["extra"])["groupNodes"])
    cast("list[Json]", groups["plain a"]["links"]).append([0, 0, -1, 0])
    with pytest.raises(CompileError) as refused:
        convert(encoded(broken), "old.json", load_catalog(), Options())
    assert [item.at.json_path for item in refused.value.diagnostics] == ['$.extra.groupNodes["plain a"].links[1]']
