"""What the parity suite calls right and wrong, without a browser: readings of the editor are given by hand."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from importlib import resources
from typing import cast

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.ir.prompt import PromptNode, prompt_to_json
from comfy2runpod_contract.json_types import Json, JsonObject
from parity.compare import differences, equal
from parity.editor import Reading
from parity.judge import Ours, Outcome, judge, ours_of

CATALOG = load_catalog()
TEMPLATE = resources.files("comfyui_workflow_templates_json") / "templates" / "sdxl_simple_example.json"

Nodes = dict[str, dict[str, JsonObject]]


@pytest.fixture(scope="module")
def ours() -> Ours:
    found = ours_of(TEMPLATE.read_bytes(), TEMPLATE.name, CATALOG, "1.43")
    assert found.prompt is not None
    return found


def reading_of(ours: Ours, change: Callable[[Nodes], object]) -> Reading:
    assert ours.prompt is not None
    prompt = cast(Nodes, copy.deepcopy(prompt_to_json(ours.prompt)))
    change(prompt)
    return Reading(cast(JsonObject, prompt), None, 0)


def first_of(prompt: Nodes, class_type: str) -> str:
    return next(node_id for node_id, node in prompt.items() if node["class_type"] == class_type)


def the_node(prompt: Nodes, class_type: str) -> JsonObject:
    return prompt[first_of(prompt, class_type)]["inputs"]


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1, 2], [1.0, 2], True),
        ([1, 2], [1], False),
        ({"a": 1, "b": [True]}, {"b": [True], "a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ("1", 1, False),
        (None, False, False),
        (["3", 0], ["3", 0.0], True),
    ],
)
def test_values_are_equal_as_json_is(left: Json, right: Json, same: bool) -> None:
    assert equal(left, right) is same
    assert equal(right, left) is same


def test_only_what_the_class_declares_is_compared() -> None:
    theirs = {"1": PromptNode("SaveVideo", {"filename_prefix": "x", "preview": "button"}, "a title")}
    mine = {"1": PromptNode("SaveVideo", {"filename_prefix": "x"}, "another")}
    assert differences(theirs, mine, CATALOG) == []


def test_a_dotted_input_is_declared_if_its_head_is() -> None:
    theirs = {"1": PromptNode("ResizeImageMaskNode", {"resize_type": "scale", "resize_type.factor": 2}, "")}
    mine = {"1": PromptNode("ResizeImageMaskNode", {"resize_type": "scale", "resize_type.factor": 3}, "")}
    assert differences(theirs, mine, CATALOG) == [
        "1.resize_type.factor (ResizeImageMaskNode): the editor has 2, we have 3"
    ]


def test_every_difference_has_a_line() -> None:
    theirs = {
        "1": PromptNode("KSamplerSelect", {"sampler_name": "euler"}, ""),
        "2": PromptNode("VAELoader", {"vae_name": "a"}, ""),
        "3": PromptNode("RandomNoise", {"noise_seed": 1}, ""),
        "4": PromptNode("RandomNoise", {}, ""),
    }
    mine = {
        "1": PromptNode("BasicScheduler", {}, ""),
        "3": PromptNode("RandomNoise", {}, ""),
        "4": PromptNode("RandomNoise", {"noise_seed": 1}, ""),
        "5": PromptNode("LoadImage", {}, ""),
    }
    assert differences(theirs, mine, CATALOG) == [
        "1: the editor says KSamplerSelect, we say BasicScheduler",
        "2: only the editor has VAELoader",
        "3.noise_seed (RandomNoise): only the editor has 1",
        "4.noise_seed (RandomNoise): only we have 1",
        "5: only we have LoadImage",
    ]


def test_the_editors_own_prompt_is_equal(ours: Ours) -> None:
    assert judge(reading_of(ours, lambda prompt: None), ours, CATALOG).outcome is Outcome.EQUAL


def test_another_value_is_another_prompt(ours: Ours) -> None:
    reading = reading_of(ours, lambda prompt: the_node(prompt, "EmptyLatentImage").update(width=640))
    judgement = judge(reading, ours, CATALOG)
    assert judgement.outcome is Outcome.DIFFERENT
    assert [line.partition(": ")[2] for line in judgement.why] == ["the editor has 640, we have 1024"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda prompt: the_node(prompt, "EmptyLatentImage").pop("width"), id="a missing input"),
        pytest.param(lambda prompt: the_node(prompt, "EmptyLatentImage").update(width="wide"), id="a wrong type"),
        pytest.param(lambda prompt: prompt.pop(first_of(prompt, "SaveImage")), id="no output"),
        pytest.param(lambda prompt: prompt["5"].pop("class_type"), id="an unknown class"),
    ],
)
def test_we_must_refuse_what_would_be_refused_of_the_editor(ours: Ours, change: Callable[[Nodes], object]) -> None:
    reading = reading_of(ours, change)
    assert judge(reading, ours, CATALOG).outcome is Outcome.ACCEPTED_WRONGLY
    refused = Ours(None, ("some-code",), "some text")
    assert judge(reading, refused, CATALOG).outcome is Outcome.REFUSED


def test_we_must_refuse_what_the_editor_makes_no_prompt_of(ours: Ours) -> None:
    reading = Reading(None, "making the prompt: it threw", 0)
    judgement = judge(reading, ours, CATALOG)
    assert judgement.outcome is Outcome.ACCEPTED_WRONGLY
    assert judgement.why == ("the editor fails: making the prompt: it threw",)


def test_we_must_not_refuse_what_would_run(ours: Ours) -> None:
    refused = ours_of(json.dumps({"nodes": [], "links": []}).encode(), "x.json", CATALOG, "1.43")
    judgement = judge(reading_of(ours, lambda prompt: None), refused, CATALOG)
    assert judgement.outcome is Outcome.REFUSED_WRONGLY
    assert judgement.codes == refused.codes != ()


def test_a_crash_of_the_compiler_is_never_right(ours: Ours) -> None:
    crashed = Ours(None, crash="RecursionError: too deep")
    for reading in (reading_of(ours, lambda prompt: None), Reading(None, "it threw", 0)):
        assert judge(reading, crashed, CATALOG).outcome is Outcome.CRASHED
