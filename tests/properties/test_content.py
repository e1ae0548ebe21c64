"""Compiling is a function of a graph's content: not of ids, order, places or keys."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, compile_graph, convert

from .graphs import Case, Graph, canvases, graphs, switched_graphs
from .rewriting import link_ids, node_ids, redrawn, renamings, with_link_ids, with_node_ids

OPTIONS = Options(editor="1.43")


def prompt_text(graph: Graph) -> str:
    converted = convert(json.dumps(graph).encode(), "graph.json", load_catalog(), OPTIONS)
    return json.dumps(prompt_to_json(converted.graph.prompt()))


def package(graph: Graph) -> dict[str, str] | str:
    """The package's files, or the message with which the graph is refused."""
    try:
        return dict(compile_graph(json.dumps(graph).encode(), "graph.json", load_catalog(), OPTIONS).files)
    except CompileError as error:
        return str(error)


def renamed_prompt(prompt: dict[str, Any], names: dict[int, int]) -> dict[str, Any]:
    def path(node_id: str) -> str:
        return ":".join(str(names[int(part)]) for part in node_id.split(":"))

    def value(given: Any) -> Any:
        link = isinstance(given, list) and len(given) == 2
        return [path(given[0]), given[1]] if link else given

    return {
        path(node_id): {**node, "inputs": {name: value(given) for name, given in node["inputs"].items()}}
        for node_id, node in prompt.items()
    }


@given(case=graphs(), data=st.data())
def test_renumbered_nodes_give_the_same_prompt_renumbered(case: Case, data: st.DataObject) -> None:
    names = data.draw(renamings(node_ids(case.graph)))
    before = json.loads(prompt_text(case.graph))
    assert json.loads(prompt_text(with_node_ids(case.graph, names))) == renamed_prompt(before, names)


@given(case=graphs(), data=st.data())
def test_renumbered_links_give_the_same_prompt(case: Case, data: st.DataObject) -> None:
    names = data.draw(renamings(link_ids(case.graph)))
    assert prompt_text(with_link_ids(case.graph, names)) == prompt_text(case.graph)


@given(case=graphs(), data=st.data())
def test_order_places_colours_and_keys_change_no_byte_of_a_package(case: Case, data: st.DataObject) -> None:
    made = package(case.graph)
    assert package(data.draw(redrawn(case.graph))) == made
    assert package(case.graph) == made


@given(case=switched_graphs(), data=st.data())
def test_a_refusal_says_the_same_whatever_the_order(case: Case, data: st.DataObject) -> None:
    made = package(case.graph)
    assume(isinstance(made, str))
    assert package(data.draw(redrawn(case.graph))) == made


@given(case=graphs())
def test_every_value_of_a_prompt_stands_in_the_file_or_is_a_default_or_a_link(case: Case) -> None:
    prompt = json.loads(prompt_text(case.graph))
    nodes = [node for canvas in canvases(case.graph) for node in canvas["nodes"]]
    saved = [value for node in nodes for value in node.get("widgets_values") or []]
    for node in prompt.values():
        node_class = load_catalog().get(node["class_type"])
        assert node_class is not None
        for name, value in node["inputs"].items():
            spec = node_class.by_name[name]
            if isinstance(value, list):
                origin = load_catalog().get(prompt[value[0]]["class_type"])
                assert origin is not None
                assert 0 <= value[1] < len(origin.outputs)
            else:
                assert value in saved or (spec.has_default and value == spec.default)
