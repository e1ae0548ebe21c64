"""How saved graphs become prompts: one rule of the editor a test, on the smallest graph that shows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, convert
from comfy2runpod_contract.json_types import Json, JsonObject

SUBGRAPH = "11111111-1111-4111-8111-111111111111"


def node(
    node_id: int,
    kind: str,
    inputs: list[tuple[str, str, int | None]] | None = None,
    outputs: list[str] | None = None,
    values: list[Json] | None = None,
    mode: int = 0,
    **more: Json,
) -> JsonObject:
    return {
        "id": node_id,
        "type": kind,
        "mode": mode,
        "inputs": [{"name": name, "type": slot, "link": link} for name, slot, link in inputs or []],
        "outputs": [{"name": slot, "type": slot} for slot in outputs or []],
        "properties": {},
        "widgets_values": values or [],
        **more,
    }


def with_output_links(saved: JsonObject, links: Sequence[list[Json]]) -> JsonObject:
    """The node with its outputs naming their links, as the editor saves it."""
    outputs = [
        {**output, "links": [link[0] for link in links if link[1] == saved["id"] and link[2] == slot]}
        for slot, output in enumerate(cast("list[JsonObject]", saved["outputs"]))
    ]
    return {**saved, "outputs": cast(Json, outputs)}


def graph(nodes: list[JsonObject], links: list[list[Json]], **more: Json) -> JsonObject:
    nodes = [with_output_links(item, links) for item in nodes]
    return {"nodes": list(nodes), "links": list(links), "version": 0.4, **more}


def prompt_of(saved: JsonObject, editor: str | None = "1.43") -> dict[str, JsonObject]:
    converted = convert(json.dumps(saved).encode(), "graph.json", load_catalog(), Options(editor=editor))
    prompt = prompt_to_json(converted.graph.prompt())
    return {key: value for key, value in prompt.items() if isinstance(value, dict)}


def inputs_of(saved: JsonObject, node_id: str, editor: str | None = "1.43") -> JsonObject:
    inputs = prompt_of(saved, editor)[node_id]["inputs"]
    assert isinstance(inputs, dict)
    return inputs


EMPTY = node(1, "EmptyImage", outputs=["IMAGE"], values=[64, 64, 1, 0])


def save(link: int) -> JsonObject:
    return node(9, "SaveImage", [("images", "IMAGE", link)], values=["x"])


def test_links_come_in_both_schemas() -> None:
    arrays = graph([EMPTY, save(1)], [[1, 1, 0, 9, 0, "IMAGE"]])
    link: JsonObject = {"id": 1, "origin_id": 1, "origin_slot": 0, "target_id": 9, "target_slot": 0, "type": "IMAGE"}
    objects = {**arrays, "links": [link], "version": 1}
    assert prompt_of(arrays) == prompt_of(objects)


def test_a_reroute_is_followed() -> None:
    reroute = node(2, "Reroute", [("", "*", 1)], ["IMAGE"])
    saved = graph([EMPTY, reroute, save(2)], [[1, 1, 0, 2, 0, "*"], [2, 2, 0, 9, 0, "IMAGE"]])
    assert inputs_of(saved, "9")["images"] == ["1", 0]


def test_a_muted_reroute_cuts() -> None:
    reroute = node(2, "Reroute", [("", "*", 1)], ["IMAGE"], mode=2)
    saved = graph([EMPTY, reroute, save(2)], [[1, 1, 0, 2, 0, "*"], [2, 2, 0, 9, 0, "IMAGE"]])
    with pytest.raises(CompileError, match="required-input-missing"):
        prompt_of(saved)


def test_a_bypassed_node_passes_the_first_input_of_the_type() -> None:
    other = node(3, "EmptyImage", outputs=["IMAGE"], values=[32, 32, 1, 0])
    stitch = node(2, "ImageBatch", [("image1", "IMAGE", 1), ("image2", "IMAGE", 3)], ["IMAGE"], mode=4)
    links: list[list[Json]] = [[1, 1, 0, 2, 0, "IMAGE"], [3, 3, 0, 2, 1, "IMAGE"], [2, 2, 0, 9, 0, "IMAGE"]]
    prompt = prompt_of(graph([EMPTY, other, stitch, save(2)], links))
    assert prompt["9"]["inputs"] == {"filename_prefix": "x", "images": ["1", 0]}
    assert "2" not in prompt


def test_a_primitive_gives_its_value_rounded_to_the_step() -> None:
    latent = node(1, "EmptyLatentImage", [("width", "INT", 5)], ["LATENT"], [512, 512, 1])
    primitive = node(2, "PrimitiveNode", outputs=["INT"], values=[1029, "fixed"])
    vae = node(3, "VAELoader", outputs=["VAE"], values=["ae.safetensors"])
    decode = node(4, "VAEDecode", [("samples", "LATENT", 6), ("vae", "VAE", 7)], ["IMAGE"])
    links: list[list[Json]] = [
        [5, 2, 0, 1, 0, "INT"], [6, 1, 0, 4, 0, "LATENT"], [7, 3, 0, 4, 1, "VAE"], [8, 4, 0, 9, 0, "IMAGE"],
    ]  # fmt: skip
    prompt = prompt_of(graph([latent, primitive, vae, decode, save(8)], links))
    assert prompt["1"]["inputs"] == {"width": 1032, "height": 512, "batch_size": 1}
    assert "2" not in prompt


def subgraph(inner: list[JsonObject], links: list[JsonObject], width: int = 64) -> JsonObject:
    """A graph with one instance, 92, of a subgraph that exposes `width` and gives an image."""
    definition: JsonObject = {
        "id": SUBGRAPH,
        "name": "Canvas",
        "nodes": list(inner),
        "links": list(links),
        "inputs": [{"id": "a", "name": "width", "type": "INT", "linkIds": [10]}],
        "outputs": [{"id": "b", "name": "IMAGE", "type": "IMAGE", "linkIds": [11]}],
    }
    instance = node(92, SUBGRAPH, [("width", "INT", None)], ["IMAGE"], [width])
    return graph([instance, save(1)], [[1, 92, 0, 9, 0, "IMAGE"]], definitions={"subgraphs": [definition]})


def inner_link(link_id: int, origin: int, target: int, kind: str) -> JsonObject:
    return {
        "id": link_id, "origin_id": origin, "origin_slot": 0, "target_id": target, "target_slot": 0, "type": kind,
    }  # fmt: skip


INNER = node(11, "EmptyImage", [("width", "INT", 10)], ["IMAGE"], [64, 64, 1, 0])
INNER_LINKS = [inner_link(10, -10, 11, "INT"), inner_link(11, 11, -20, "IMAGE")]


def test_inner_nodes_run_under_the_path_of_their_instance() -> None:
    prompt = prompt_of(subgraph([INNER], INNER_LINKS))
    assert list(prompt) == ["9", "92:11"]
    assert inputs_of(subgraph([INNER], INNER_LINKS), "9")["images"] == ["92:11", 0]


def test_editors_differ_in_whose_value_a_promoted_widget_has() -> None:
    saved = subgraph([INNER], INNER_LINKS, width=128)
    assert inputs_of(saved, "92:11", "1.43")["width"] == 64
    assert inputs_of(saved, "92:11", "1.58")["width"] == 128
    with pytest.raises(CompileError, match="editors-disagree"):
        prompt_of(saved, editor=None)


def test_an_id_used_twice_is_renumbered_from_the_highest_seen() -> None:
    inner = {**INNER, "id": 9}
    links = [inner_link(10, -10, 9, "INT"), inner_link(11, 9, -20, "IMAGE")]
    assert list(prompt_of(subgraph([inner], links))) == ["9", "92:93"]


def test_a_muted_instance_on_the_root_takes_its_inner_nodes_along() -> None:
    saved = subgraph([INNER], INNER_LINKS)
    nodes = saved["nodes"]
    assert isinstance(nodes, list)
    saved["nodes"] = [{**node, "mode": 2} if isinstance(node, dict) and node["id"] == 92 else node for node in nodes]
    with pytest.raises(CompileError, match="required-input-missing"):
        prompt_of(saved)


def test_an_array_value_is_wrapped_and_an_object_is_not() -> None:
    crop = node(2, "ImageCropV2", [("image", "IMAGE", 1)], ["IMAGE"], [{"x": 0, "y": 0, "width": 8, "height": 8}])
    saved = graph([EMPTY, crop, save(2)], [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 9, 0, "IMAGE"]])
    assert inputs_of(saved, "2")["crop_region"] == {"x": 0, "y": 0, "width": 8, "height": 8}


def test_a_link_to_a_renamed_input_goes_by_its_name_of_today() -> None:
    text = node(3, "PrimitiveString", outputs=["STRING"], values=["1, 0"])
    sigmas = node(2, "ManualSigmas", [("sigmas_string", "STRING", 2)], ["SIGMAS"], ["1, 0.5, 0"])
    links: list[list[Json]] = [[1, 1, 0, 9, 0, "IMAGE"], [2, 3, 0, 2, 0, "STRING"]]
    assert inputs_of(graph([EMPTY, sigmas, text, save(1)], links), "2") == {"sigmas": ["3", 0]}


def test_an_object_in_place_of_the_list_is_refused_because_the_editor_would_queue_no_value() -> None:
    sigmas = node(2, "ManualSigmas", outputs=["SIGMAS"])
    sigmas["widgets_values"] = {"sigmas": "1, 0"}
    with pytest.raises(CompileError, match="values-by-name"):
        inputs_of(graph([EMPTY, sigmas, save(1)], [[1, 1, 0, 9, 0, "IMAGE"]]), "2")


def test_fewer_values_than_widgets_leave_the_last_at_their_defaults() -> None:
    short = node(1, "EmptyImage", outputs=["IMAGE"], values=[64])
    assert inputs_of(graph([short, save(1)], [[1, 1, 0, 9, 0, "IMAGE"]]), "1") == {
        "width": 64, "height": 512, "batch_size": 1, "color": 0,
    }  # fmt: skip


def test_a_prompt_does_not_depend_on_the_order_of_nodes() -> None:
    forth = graph([EMPTY, save(1)], [[1, 1, 0, 9, 0, "IMAGE"]])
    back = graph([save(1), EMPTY], [[1, 1, 0, 9, 0, "IMAGE"]])
    assert json.dumps(prompt_of(forth)) == json.dumps(prompt_of(back))


@pytest.mark.slow
def test_nodes_by_the_ten_thousand_are_no_trouble() -> None:
    nodes, links = [EMPTY], []
    count = 10_000
    for index in range(2, count):
        nodes.append(node(index + 10, "ImageInvert", [("image", "IMAGE", index)], ["IMAGE"]))
        links.append([index, 1 if index == 2 else index + 9, 0, index + 10, 0, "IMAGE"])
    nodes.append(save(count))
    links.append([count, count + 9, 0, 9, 0, "IMAGE"])
    assert len(prompt_of(graph(nodes, links))) == count
