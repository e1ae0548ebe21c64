"""graphs/t2v_ltx2.json in the real editor: its fields reach the nodes behind them, and what is broken is told."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib import resources
from typing import cast

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, convert
from comfy2runpod_contract.json_types import Json, JsonObject
from parity.editor import Editor

from .conftest import GRAPH

pytestmark = [pytest.mark.editor, pytest.mark.asyncio(loop_scope="module")]


def graph() -> JsonObject:
    return cast(JsonObject, json.loads(GRAPH.read_text("utf-8")))


def without_titles(prompt: JsonObject) -> JsonObject:
    return {name: {k: v for k, v in cast(JsonObject, node).items() if k != "_meta"} for name, node in prompt.items()}


async def test_the_editor_queues_what_we_compile_of_the_public_template(editor: Editor) -> None:
    data = resources.files("comfyui_workflow_templates_json").joinpath("templates/video_ltx2_t2v.json").read_bytes()
    await editor.open(json.loads(data))
    compiled = convert(data, "video_ltx2_t2v.json", load_catalog(), Options()).graph.prompt()
    assert without_titles(prompt_to_json(compiled)) == without_titles(await editor.prompt())


@pytest.mark.parametrize(
    ("field", "value", "inputs"),
    [
        ("text", "a red kite", ["92:3.text"]),
        ("width", 640, ["92:89.width"]),
        ("height", 512, ["92:89.height"]),
        ("value", 25, ["92:62.value"]),
        ("noise_seed", 7, ["92:11.noise_seed", "92:67.noise_seed"]),
        ("ckpt_name", "x.safetensors", ["92:1.ckpt_name", "92:48.ckpt_name", "92:60.ckpt_name"]),
        ("text_encoder", "x.safetensors", ["92:60.text_encoder"]),
        ("lora_name", "x.safetensors", ["92:68.lora_name"]),
        ("model_name", "x.safetensors", ["92:76.model_name"]),
    ],
)
async def test_a_field_of_the_subgraph_reaches_every_node_behind_it(
    editor: Editor, field: str, value: Json, inputs: list[str]
) -> None:
    await editor.open(graph())
    before = await editor.prompt()
    await editor.set_on_subgraph(field, value)
    after = await editor.prompt()
    assert changed(before, after) == set(inputs)
    assert all(input_of(after, path) == value for path in inputs)


def broken(change: Callable[[dict[str, Json]], None]) -> JsonObject:
    """The graph with a change to each checkpoint loader in it."""
    text = copy.deepcopy(cast("dict[str, dict[str, list[dict[str, list[dict[str, Json]]]]]]", graph()))
    for node in text["definitions"]["subgraphs"][0]["nodes"]:
        if node["type"] == "CheckpointLoaderSimple":
            change(node)
    return cast(JsonObject, text)


async def test_the_editor_would_tell_of_an_unknown_class(editor: Editor) -> None:
    opened = await editor.open(broken(lambda node: node.update(type="NoSuchLoader")))
    assert opened.unknown == ("NoSuchLoader",)
    await editor.wait_for_complaint("Some nodes are missing")


async def test_the_editor_would_tell_of_a_missing_model(editor: Editor) -> None:
    missing: Json = {
        "name": "absent.safetensors",
        "url": "https://example.org/absent.safetensors",
        "directory": "loras",
    }

    def name_another(node: dict[str, Json]) -> None:
        node.update(widgets_values=["absent.safetensors"], properties={"models": [missing]})

    await editor.open(broken(name_another))
    await editor.wait_for_complaint("required models are missing")
    await editor.wait_for_complaint("red: LTX-2 checkpoint")


def input_of(prompt: JsonObject, path: str) -> Json:
    node, _, name = path.rpartition(".")
    return cast("dict[str, dict[str, JsonObject]]", prompt)[node]["inputs"][name]


def changed(before: JsonObject, after: JsonObject) -> set[str]:
    """The inputs, as node.name, that differ between two prompts of one graph."""
    assert before.keys() == after.keys()
    nodes = cast("dict[str, dict[str, JsonObject]]", before)
    paths = {f"{node}.{name}" for node, entry in nodes.items() for name in entry["inputs"]}
    return {path for path in paths if input_of(before, path) != input_of(after, path)}
