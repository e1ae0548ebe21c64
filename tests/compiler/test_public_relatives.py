"""Public graphs that are similar to ours compile unchanged; one needs a class that this ComfyUI does not have."""

from __future__ import annotations

from importlib import resources

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.diagnostics import CompileError, Severity
from comfy2runpod.pipeline import CompileResult, Options, compile_graph

_TEMPLATES = resources.files("comfyui_workflow_templates_json").joinpath("templates")


def compiled(name: str) -> CompileResult:
    return compile_graph(_TEMPLATES.joinpath(f"{name}.json").read_bytes(), f"{name}.json", load_catalog(), Options())


@pytest.mark.parametrize(
    ("name", "fields", "outputs"),
    [
        ("image_flux2_klein_text_to_image", ["value", "value_1", "noise_seed"], ["9"]),
        ("image_flux2_klein_image_edit_9b_distilled", ["prompt", "noise_seed", "image"], ["9"]),
        ("image_flux2_klein_image_edit_9b_base", ["prompt", "noise_seed", "image"], ["9"]),
        (
            "templates-1_click_multiple_character_angles-v1.0",
            ["enable_turbo_mode", "load_character_image"],
            ["373", "374", "376", "377", "379", "380", "381", "424"],
        ),
    ],
)
def test_it_compiles_to_a_package(name: str, fields: list[str], outputs: list[str]) -> None:
    result = compiled(name)
    assert [field.name for field in result.interface.fields] == fields
    assert [output.node_id for output in result.interface.outputs] == outputs
    assert len({output.name for output in result.interface.outputs}) == len(outputs)
    assert {"handler.py", "patch.py", "schema.py", "docs/API.md"} <= result.files.keys()


def test_a_class_that_this_comfyui_lacks_is_reported_by_its_node() -> None:
    with pytest.raises(CompileError) as refused:
        compiled("template_qwen_multiangle.app")
    (error,) = [found for found in refused.value.diagnostics if found.severity is Severity.ERROR]
    assert (error.code, error.at.node, error.at.class_type) == ("unknown-class", "221", "CameraAngle")
