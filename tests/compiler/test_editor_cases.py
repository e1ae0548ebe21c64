"""Small graphs, one rule of the editor each, and the prompts that the real editor made of them (1.43.18 and 1.58.1).

A case file holds the graph and a prompt for each editor, null where that editor fails on it. What the server would
refuse, we refuse. `make editor-cases` asks the editors anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, convert
from comfy2runpod.server_check import PromptError, parse_prompt, validate_prompt
from comfy2runpod_contract.json_types import Json, JsonObject

HERE = Path(__file__).parent / "editor_cases"
CASES = sorted(HERE.glob("*/*.json"))


@pytest.mark.parametrize("editor", ["1.43", "1.58"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_the_prompt_is_the_editors_or_the_graph_is_refused_as_the_server_would(case: Path, editor: str) -> None:
    recorded = cast("dict[str, Json]", json.loads(case.read_text("utf-8")))
    expected = recorded[editor]
    graph = json.dumps(recorded["graph"]).encode()
    try:
        ours = prompt_to_json(convert(graph, case.name, load_catalog(), Options(editor=editor)).graph.prompt())
    except CompileError:
        if expected is not None and accepted(expected):
            raise
    else:
        assert expected is not None, "this editor fails on the graph"
        assert declared(ours) == declared(expected)


def accepted(prompt: Json) -> bool:
    try:
        verdict = validate_prompt(parse_prompt(prompt, load_catalog()), load_catalog())
    except PromptError:
        return False
    return verdict.error is None and not verdict.node_faults


def declared(prompt: Json) -> JsonObject:
    """The prompt without titles, and without inputs that the server passes over."""
    nodes = cast("dict[str, JsonObject]", prompt)
    return {node_id: _declared(node) for node_id, node in nodes.items()}


def _declared(node: JsonObject) -> JsonObject:
    node_class = load_catalog().get(cast(str, node["class_type"]))
    assert node_class is not None
    inputs = cast(JsonObject, node["inputs"])
    known = {name: value for name, value in inputs.items() if name.partition(".")[0] in node_class.by_name}
    return {"class_type": node["class_type"], "inputs": known}
