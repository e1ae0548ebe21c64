"""Flattening keeps the meaning: every input gets what the editor's rules give it on the nested graph."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, reject

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.editor import PROFILES
from comfy2runpod.ir.bound import BoundGraph
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, convert, convert_by
from comfy2runpod.stages.load import load

from .graphs import Case, graphs, switched_graphs
from .reference import Reference, Undecided

EDITORS = {"1.43": False, "1.58": True}


def prompt_of(graph: BoundGraph) -> dict[str, Any]:
    prompt = prompt_to_json(graph.prompt())
    return {key: {"class_type": n["class_type"], "inputs": n["inputs"]} for key, n in prompt.items()}


def compiled(case: Case, editor: str) -> dict[str, Any]:
    return prompt_of(convert(case.data, "graph.json", load_catalog(), Options(editor=editor)).graph)


def unchecked(case: Case, editor: str) -> dict[str, Any]:
    """The prompt of a graph that the server may refuse."""
    document = load(case.data, "graph.json")
    return prompt_of(convert_by(document, load_catalog(), PROFILES[editor], Options()).graph)


def meant(case: Case, editor: str) -> dict[str, Any]:
    try:
        return Reference(case.graph, case.values, load_catalog(), instance_keeps_values=EDITORS[editor]).prompt()
    except Undecided:
        reject()


@pytest.mark.parametrize("editor", EDITORS)
@given(case=graphs())
def test_a_whole_graph_compiles_to_what_it_says(case: Case, editor: str) -> None:
    assert compiled(case, editor) == meant(case, editor)


@pytest.mark.parametrize("editor", EDITORS)
@given(case=switched_graphs())
def test_links_lead_on_through_what_is_switched_off(case: Case, editor: str) -> None:
    expected = meant(case, editor)
    if expected:
        assert unchecked(case, editor) == expected
    else:
        with pytest.raises(CompileError, match="nothing-to-run"):
            unchecked(case, editor)
