"""The verdict on a prompt: what a real ComfyUI 0.21.0 answered to each of these prompts, fault by fault.

Each prompt was given to the server's own check; where that goes through inputs in no particular order, the answer is
the one that it gives in every order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.pipeline import Options, check_file
from comfy2runpod.server_check import PromptError, Verdict, parse_prompt, validate_prompt
from comfy2runpod_contract.json_types import Json, JsonObject

# node, kind, input, details
Fault = tuple[str, str, str | None, str]


@dataclass(frozen=True)
class Case:
    promise: str
    prompt: JsonObject
    faults: tuple[Fault, ...] = ()
    # The output nodes that the server runs.
    runs: tuple[str, ...] = ()


def node(class_type: str, **inputs: Json) -> JsonObject:
    return {"class_type": class_type, "inputs": inputs}


def shown(class_type: str, **inputs: Json) -> JsonObject:
    """A node of that class, and one that shows its first output."""
    return {"1": node(class_type, **inputs) | {"_meta": {"title": "A node"}}, "2": node("PreviewAny", source=["1", 0])}


def fault(kind: str, name: str | None, details: str, node_id: str = "1") -> Fault:
    return (node_id, kind, name, details)


def not_an_int(name: str, value: str) -> Fault:
    return fault("invalid_input_type", name, f"{name}, {value}, invalid literal for int() with base 10: '{value}'")


def raised(details: str, name: str | None = "source", node_id: str = "1") -> Fault:
    kind = "exception_during_inner_validation" if name is not None else "exception_during_validation"
    return fault(kind, name, details, node_id)


FINE = ("2",)
IMAGE: JsonObject = {"width": 64, "height": 64, "batch_size": 1, "color": 0}

CASES = [
    Case("a prompt without faults runs all its outputs", shown("PrimitiveInt", value=3), runs=FINE),
    Case("an input that the class does not have is ignored", shown("PrimitiveInt", value=3, zzz=["9", 9]), runs=FINE),
    Case("what no output needs is not looked at", shown("PrimitiveInt", value=3) | {"3": node("KSampler")}, runs=FINE),
    Case(
        "a missing input refuses the outputs that need it, and the others run",
        {"1": node("PreviewAny", source=5), "2": node("PreviewAny")},
        (fault("required_input_missing", "source", "source", "2"),),
        runs=("1",),
    ),
    # Constants: the server converts them as Python does, then looks at bounds and choices.
    Case("a text with a number in it is an integer", shown("PrimitiveInt", value=" 1_2 "), runs=FINE),
    Case("a number with a fraction is cut to an integer", shown("PrimitiveInt", value=1.9), runs=FINE),
    Case("true is the integer 1", shown("EmptyImage", **IMAGE | {"width": True}), runs=FINE),
    Case("a text with a fraction is no integer", shown("PrimitiveInt", value="1.5"), (not_an_int("value", "1.5"),)),
    Case("NaN is no integer", shown("PrimitiveInt", value="NaN"), (not_an_int("value", "NaN"),)),
    Case("NaN is a number, which no bounds refuse", shown("PrimitiveFloat", value="NaN"), runs=FINE),
    Case(
        "infinity is out of bounds",
        shown("PrimitiveFloat", value="inf"),
        (fault("value_bigger_than_max", "value", "value"),),
    ),
    Case(
        "an integer too large for a float is no number",
        shown("PrimitiveFloat", value=10**400),
        (fault("invalid_input_type", "value", f"value, {10**400}, int too large to convert to float"),),
    ),
    Case(
        "null is no integer",
        shown("PrimitiveInt", value=None),
        (
            fault(
                "invalid_input_type",
                "value",
                "value, None, int() argument must be a string, a bytes-like object or a real number, not 'NoneType'",
            ),
        ),
    ),
    Case("null is a text", shown("PrimitiveString", value=None), runs=FINE),
    Case("anything is a boolean", shown("PrimitiveBoolean", value="false"), runs=FINE),
    Case("a constant may stand where a model should", shown("ModelSamplingAuraFlow", model=5, shift=1.0), runs=FINE),
    Case(
        "the bounds themselves are allowed, a step beyond is not",
        shown("EmptyImage", width=1, height=16385, batch_size=0, color=0),
        (
            fault("value_bigger_than_max", "height", "height"),
            fault("value_smaller_than_min", "batch_size", "batch_size"),
        ),
    ),
    Case(
        "a choice is compared as Python compares: 1 is true, and case counts",
        shown("ImageScaleBy", image=5, upscale_method="Area", scale_by=1),
        (
            fault(
                "value_not_in_list",
                "upscale_method",
                "upscale_method: 'Area' not in ['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos']",
            ),
        ),
    ),
    Case(
        "a wrapped value is unwrapped once",
        {
            "1": node("PrimitiveInt", value={"__value__": "7"}),
            "2": node("PrimitiveInt", value={"__value__": {"__value__": 7}}),
            "3": node("PreviewAny", source=["1", 0]),
            "4": node("PreviewAny", source=["2", 0]),
        },
        (
            fault(
                "invalid_input_type",
                "value",
                "value, {'__value__': 7}, int() argument must be a string, a bytes-like object or a real number, "
                "not 'dict'",
                "2",
            ),
        ),
        runs=("3",),
    ),
    # Links.
    Case(
        "a list that is not a pair is a bad link",
        shown("PrimitiveInt", value=[1]),
        (fault("bad_linked_input", "value", "value"),),
    ),
    Case("a link of a wrong type is refused",
         {"1": node("EmptyImage", **IMAGE), "2": node("ImageInvert", image=["1", 0]),
         "3": node("VAEDecode", samples=["2", 0], vae=5), "4": node("PreviewImage", images=["3", 0])},
         (fault("return_type_mismatch", "samples", "samples, received_type(IMAGE) mismatch input_type(LATENT)", "3"),)),
    Case("a negative slot counts from the last output",
         {"1": node("PrimitiveInt", value=1), "2": node("PreviewAny", source=["1", -1])}, runs=FINE),
    Case("a truth value is a slot",
         {"1": node("PrimitiveInt", value=1), "2": node("PreviewAny", source=["1", False])}, runs=FINE),
    Case(
        "a link from a node that is not there stops the check of the node that has it",
        shown("EmptyImage", **IMAGE | {"width": ["9", 0], "height": -1}),
        (raised("'9'"),),
    ),
    Case(
        "a link by a number finds no node",
        shown("PrimitiveInt", value=[2, 0]),
        (raised("2"),),
    ),
    Case("a link to a slot that is not there",
         {"1": node("PrimitiveInt", value=1), "2": node("PreviewAny", source=["1", 1])},
         (raised("list index out of range", None, "2"),)),
    Case("a link to a slot larger than an index",
         {"1": node("PrimitiveInt", value=1), "2": node("PreviewAny", source=["1", 10**30])},
         (raised("cannot fit 'int' into an index-sized integer", None, "2"),)),
    Case("a slot with a fraction",
         {"1": node("PrimitiveInt", value=1), "2": node("PreviewAny", source=["1", 0.0])},
         (raised("list indices must be integers or slices, not float", None, "2"),)),
    Case("a link from a list", shown("PrimitiveInt", value=[[1], 0]), (raised("unhashable type: 'list'"),)),
    # Cycles.
    Case(
        "every node of a cycle is told of it",
        {
            "1": node("ImageInvert", image=["2", 0]),
            "2": node("ImageInvert", image=["1", 0]),
            "3": node("PreviewImage", images=["1", 0]),
        },
        (
            fault("dependency_cycle", None, "1 (ImageInvert) -> 2 (ImageInvert) -> 1 (ImageInvert)", "1"),
            fault("dependency_cycle", None, "1 (ImageInvert) -> 2 (ImageInvert) -> 1 (ImageInvert)", "2"),
        ),
    ),
    Case(
        "a cycle that no output needs is not seen",
        shown("PrimitiveInt", value=1) | {"3": node("ImageInvert", image=["3", 0])},
        runs=FINE,
    ),
    Case(
        "where the check of a node fails, a cycle through it is not told",
        {
            "1": node("LatentComposite", samples_to=["1", 0], samples_from=["1", 7], x=0, y=0, feather=0),
            "2": node("PreviewAny", source=["1", 0]),
        },
        (raised("tuple index out of range"),),
    ),
    # Inputs whose names are paths.
    Case(
        "the first elements of a growing input are required",
        shown("BatchImagesNode", **{"images.image0": 5}),
        (fault("required_input_missing", "images.image1", "image1"),),
    ),
    Case("elements may be omitted after the required ones",
         shown("BatchImagesNode", **{"images.image0": 5, "images.image1": 5, "images.image7": 5}), runs=FINE),
    Case("a growing input itself is ignored",
         shown("BatchImagesNode", images=["9", 9], **{"images.image0": 5, "images.image1": 5}), runs=FINE),
    Case(
        "a choice brings its own inputs, and they are checked",
        shown("ResizeImageMaskNode", input=5, scale_method="area", resize_type="scale by multiplier",
              **{"resize_type.multiplier": 99, "resize_type.width": -1}),
        (fault("value_bigger_than_max", "resize_type.multiplier", "resize_type.multiplier"),),
    ),
    Case(
        "a choice's own input that is missing is named by its last part",
        shown("ResizeImageMaskNode", input=5, scale_method="area", resize_type="scale by multiplier"),
        (fault("required_input_missing", "resize_type.multiplier", "multiplier"),),
    ),
    Case("a choice that a combo of this kind does not offer is not told",
         shown("ResizeImageMaskNode", input=5, scale_method="area", resize_type="nope"), runs=FINE),
    Case("a combo of this kind that is missing is not told",
         shown("ResizeImageMaskNode", input=5, scale_method="area"), runs=FINE),
    # Classes with checks of their own.
    Case("an image that is not there", shown("LoadImage", image="absent.png"),
         (fault("custom_validation_failed", "image", "image - Invalid image file: absent.png"),)),
    Case("an image that is null", shown("LoadImage", image=None),
         (raised("'NoneType' object has no attribute 'endswith'"),)),
    Case("an image that is omitted", shown("LoadImage"),
         (raised("LoadImage.VALIDATE_INPUTS() missing 1 required positional argument: 'image'"),)),
    Case("a camera's image that is omitted", shown("WebcamCapture", width=0, height=0, capture_on_queue=True),
         (raised("LoadImage.VALIDATE_INPUTS() missing 1 required positional argument: 'image'"),)),
    Case("a combo whose choices are the user's takes anything", shown("CustomCombo", choice="mine"), runs=FINE),
    Case(
        "a camera that does not move",
        shown("KlingCameraControls", camera_control_type="simple", horizontal_movement=0, vertical_movement=0, pan=0,
              tilt=0, roll=0, zoom=0),
        tuple(
            fault(
                "custom_validation_failed", name,
                f"{name} - Invalid camera control configs: at least one of the values must be non-zero",
            )
            for name in ("horizontal_movement", "vertical_movement", "pan", "tilt", "roll", "zoom")
        ),
    ),
    # Classes that the server replaces.
    Case(
        "a removed class is checked as the one that takes its place, without its inputs",
        shown("Load3DAnimation", model_file="a.glb", width=1, height=1, image=5),
        tuple(fault("required_input_missing", name, name) for name in ("model_file", "image", "width", "height")),
    ),
    Case(
        "a removed class whose inputs are carried over",
        shown("T2IAdapterLoader", t2i_adapter_name="absent.safetensors"),
        (fault("value_not_in_list", "control_net_name", "control_net_name: 'absent.safetensors' not in []"),),
    ),
]  # fmt: skip


def verdict(prompt: JsonObject) -> Verdict:
    """On a server without a single file."""
    catalog = load_catalog()
    return validate_prompt(parse_prompt(prompt, catalog), catalog, no_files)


def no_files(_folder: str) -> Iterable[str]:
    return ()


@pytest.mark.parametrize("case", CASES, ids=[case.promise for case in CASES])
def test_the_verdict_is_the_servers(case: Case) -> None:
    answer = verdict(case.prompt)
    found = {(f.node_id, f.kind, f.input_name or f.extra.get("input_name"), f.details) for f in answer.node_faults}
    assert found == set(case.faults)
    assert answer.outputs == case.runs
    assert (answer.error is None) == bool(case.runs)


@pytest.mark.parametrize(
    ("prompt", "kind", "message"),
    [
        ({}, "prompt_no_outputs", "Prompt has no outputs"),
        (
            {"1": node("PrimitiveInt", value=1), "2": node("Nope"), "3": {"inputs": {}}},
            "missing_node_type",
            "Node 'Nope' not found. The custom node may not be installed.",
        ),
        (
            {"1": {"inputs": {}, "_meta": {"title": "Mine"}}, "2": node("Nope")},
            "missing_node_type",
            "Node 'Mine' has no class_type. The workflow may be corrupted or a custom node is missing.",
        ),
        (
            {"1": node("T2IAdapterLoader", t2i_adapter_name="absent.safetensors"), "2": node("PreviewAny")},
            "invalid_prompt",
            "Node 'T2IAdapterLoader' cannot be replaced: it has no _meta.",
        ),
        (
            {"1": {"inputs": {}}},
            "missing_node_type",
            "Node 'ID #1' has no class_type. The workflow may be corrupted or a custom node is missing.",
        ),
    ],
)
def test_a_prompt_that_is_refused_as_a_whole_gets_the_servers_words_if_it_has_any(
    prompt: JsonObject, kind: str, message: str
) -> None:
    try:
        error = verdict(prompt).error
    except PromptError as refused:
        error = refused.fault
    assert error is not None
    assert (error.kind, error.message) == (kind, message)


def test_all_inputs_at_which_the_check_fails_are_known() -> None:
    answer = verdict(shown("EmptyImage", width=["9", 0], height=["2"], batch_size=["1", 5], color=[None, 0]))
    assert [fault.raised_by for fault in answer.node_faults] == [("width", "batch_size", "color")]


def test_an_output_lists_the_faults_that_were_found_before_it() -> None:
    prompt = {"1": node("PreviewAny"), "2": node("PreviewAny", source=1), "3": node("PreviewAny")}
    assert [fault.dependent_outputs for fault in verdict(prompt).node_faults] == [("1", "3"), ("3",)]


def test_a_long_chain_is_checked_to_its_end() -> None:
    chain: JsonObject = {str(n): node("ImageInvert", image=[str(n + 1), 0]) for n in range(20_000)}
    answer = verdict(chain | {"20000": node("ImageInvert"), "out": node("PreviewImage", images=["0", 0])})
    assert [(fault.node_id, fault.kind) for fault in answer.node_faults] == [("20000", "required_input_missing")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1", "2", "area"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("__value__"), inner),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["EmptyImage", "ResizeImageMaskNode", "BatchImagesNode", "LoadImage", "KlingCameraControls",
                     "FluxProUltraImageNode", "TripoConversionNode", "CreateHookKeyframesFromFloats", "PreviewAny"]),
    st.data(),
)  # fmt: skip
def test_whatever_the_values_every_fault_names_a_node_of_the_prompt(class_type: str, data: st.DataObject) -> None:
    spec = load_catalog().get(class_type)
    assert spec is not None
    names = [entry.name for entry in spec.inputs] + ["images.image0", "resize_type.width", "zzz"]
    inputs = data.draw(st.dictionaries(st.sampled_from(names), json_values))
    prompt = shown(class_type, **inputs)
    answer = verdict(prompt)
    assert {fault.node_id for fault in answer.node_faults} <= set(prompt)
    assert (answer.outputs == ()) == (answer.error is not None)


@pytest.mark.parametrize(
    ("ratio", "why"),
    [
        ("9" * 400 + ":1", "integer division result too large for a float"),
        ("9" * 5000 + ":1", "Aspect ratio must contain integers separated by ':'"),
        ("1:" + "9" * 400, "Aspect ratio `0` must be"),
        ("9" * 400 + ":" + "9" * 400, None),
    ],
    ids=["beyond a double", "beyond what Python reads", "nothing", "one"],
)
def test_a_ratio_of_many_digits_is_judged_as_python_divides(ratio: str, why: str | None) -> None:
    """No server was asked: its check divides Python's integers, which gives the expected result."""
    inputs: JsonObject = {"prompt": "x", "prompt_upsampling": False, "seed": 0, "raw": False, "aspect_ratio": ratio}
    image = node("FluxProUltraImageNode", **inputs)
    prompt: JsonObject = {"1": image, "2": node("SaveImage", images=["1", 0], filename_prefix="x")}
    found = verdict(prompt).node_faults
    assert [why is not None and why in one.details for one in found] == ([] if why is None else [True])
    data, options = json.dumps(prompt).encode(), Options(allow_api_nodes=True)
    if why is None:
        check_file(data, "ratio.json", load_catalog(), options)
        return
    with pytest.raises(CompileError) as refused:
        check_file(data, "ratio.json", load_catalog(), options)
    (told,) = refused.value.diagnostics
    assert (told.code, told.at.node, told.at.input) == ("refused-value", "1", "aspect_ratio")
    assert why in told.reason
