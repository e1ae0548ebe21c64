"""The documents of every package, and of public graphs of all kinds, beside the standards that they name.

Each schema against the JSON Schema 2020-12 metaschema, openapi.json against OpenAPI 3.1, every example against the
schema that it is an example of, and what packages really answer against what they declare.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.quoting import plain
from comfy2runpod.simulator import Simulator, running_simulator
from tests.cli.command import ROOT, comfy2runpod

PACKAGES = sorted(folder.name for folder in (ROOT / "generated").iterdir())
TEMPLATES = resources.files("comfyui_workflow_templates_json").joinpath("templates")
# As the package of templates has them: every kind of output and of field, one output and several, no field at all.
PUBLIC = (
    "3d_hunyuan3d-v2.1",
    "3d_hunyuan3d_multiview_to_model",
    "Image_capybara_v0_1_image_edit",
    "audio_ace_step_1_5_split_4b",
    "basic_switch_node",
    "flux_depth_lora_example",
    "flux_kontext_dev_basic",
    "hunyuan_video_text_to_video",
    "image_anima_base_v1",
    "image_chrono_edit_14B",
    "image_flux2_klein_text_to_image",
    "image_qwen_Image_2512_controlnet",
    "image_qwen_image_instantx_inpainting_controlnet",
    "llm_gemma4_text_gen",
    "llm_qwen3_text_gen",
    "sd3.5_large_depth",
    "templates-1_click_multiple_scene_angles-v1.0",
    "utility_sdpose_ood_image_to_pose",
    "video_ltx2_3_id_lora",
    "video_wan2.1_alpha_t2v_14B",
    "video_wan2_2_14B_s2v",
    "wan2.1_fun_inp",
)
_URI = "urn:openapi"


@pytest.fixture(scope="module", params=[*PACKAGES, *PUBLIC])
def texts(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """A package's documents."""
    folder = ROOT / "generated" / request.param
    if request.param in PACKAGES:
        names = ("docs/input.schema.json", "docs/output.schema.json", "docs/openapi.json", "test_input.json")
        return {name: (folder / name).read_text() for name in names}
    graph = TEMPLATES.joinpath(f"{request.param}.json")
    return compile_graph(graph.read_bytes(), graph.name, load_catalog(), Options()).files


def parsed(texts: Mapping[str, str], name: str) -> Any:
    return json.loads(texts[name])


def within(document: dict[str, Any], pointer: str) -> Draft202012Validator:
    """The schema at a place of an OpenAPI document, whose other schemas it may name."""
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    return Draft202012Validator({"$ref": f"{_URI}#{pointer}"}, registry=Registry().with_resource(_URI, resource))


def examples(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Every example in the document: where its schema stands, and the example."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from examples(one, f"{pointer}/{index}")
    if isinstance(value, dict):
        if "schema" in value and "example" in value:
            yield f"{pointer}/schema", value["example"]
        if "type" in value and isinstance(value.get("examples"), list):
            yield from ((pointer, example) for example in value["examples"])
        for key, inner in value.items():
            escaped = key.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
            if key not in ("example", "examples", "default"):
                yield from examples(inner, f"{pointer}/{escaped}")


def test_both_schemas_are_json_schema(texts: Mapping[str, str]) -> None:
    for name in ("docs/input.schema.json", "docs/output.schema.json"):
        schema = parsed(texts, name)
        assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
        Draft202012Validator.check_schema(schema)
        assert set(schema["required"]) <= set(schema["properties"])


def test_openapi_is_openapi(texts: Mapping[str, str]) -> None:
    document = parsed(texts, "docs/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_the_example_is_one_that_the_package_takes(texts: Mapping[str, str]) -> None:
    example = parsed(texts, "test_input.json")["input"]
    Draft202012Validator(parsed(texts, "docs/input.schema.json")).validate(example)


def test_every_example_fits_its_schema(texts: Mapping[str, str]) -> None:
    document = parsed(texts, "docs/openapi.json")
    found = list(examples(document))
    assert len(found) >= 9
    for pointer, example in found:
        within(document, pointer).validate(example)


def as_read(value: Any) -> Any:
    """A document whose descriptions are what a reader sees of them: those of OpenAPI are Markdown."""
    if isinstance(value, dict):
        return {
            key: plain(item) if key == "description" and isinstance(item, str) else as_read(item)
            for key, item in value.items()
        }
    return [as_read(item) for item in value] if isinstance(value, list) else value


def test_the_document_has_the_same_two_schemas(texts: Mapping[str, str]) -> None:
    components = parsed(texts, "docs/openapi.json")["components"]["schemas"]
    for component, name in (("Input", "docs/input.schema.json"), ("Output", "docs/output.schema.json")):
        alone = as_read(parsed(texts, name))
        assert {
            **as_read(components[component]),
            "$schema": alone["$schema"],
            "$id": alone["$id"],
        }.items() >= alone.items()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator(load_catalog()) as running:
        yield running


# Of what the simulator would draw large.
SMALL = {"t2v_ltx2": {"width": 64, "height": 64, "frame_count": 9}, "t2i_klein_4b": {"width": 64, "height": 64}}


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_package_answers_is_what_it_declares(name: str, simulator: Simulator, tmp_path: Path) -> None:
    folder = ROOT / "generated" / name
    document = json.loads((folder / "docs" / "openapi.json").read_text())
    job = {"id": "job", "status": "COMPLETED"}
    given = {**json.loads((folder / "test_input.json").read_text())["input"], **SMALL.get(name, {})}
    done = comfy2runpod("run", folder, "--input", json.dumps(given), "-o", tmp_path, "--comfyui", simulator.url)
    assert done.returncode == 0, done.stderr
    # Files are by name in it, in the place of base64.
    output = json.loads((tmp_path / "response.json").read_text())
    Draft202012Validator(json.loads((folder / "docs" / "output.schema.json").read_text())).validate(output)
    within(document, "/components/schemas/Job").validate({**job, "output": output})
    lacking = {key: value for key, value in output.items() if key != "prompt_id"}
    assert not within(document, "/components/schemas/Job").is_valid({**job, "output": lacking})


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_package_refuses_is_refused_as_it_declares(name: str, simulator: Simulator, tmp_path: Path) -> None:
    folder = ROOT / "generated" / name
    document = json.loads((folder / "docs" / "openapi.json").read_text())
    given = {**json.loads((folder / "test_input.json").read_text())["input"], "nonsense": 1, "seed": "7"}
    assert not within(document, "/components/schemas/Input").is_valid(given)
    done = comfy2runpod("run", folder, "--input", json.dumps(given), "-o", tmp_path, "--comfyui", simulator.url)
    assert done.returncode == 1
    error = json.loads((tmp_path / "response.json").read_text())["error"]
    within(document, "/components/schemas/Error").validate(error)
    assert (error["code"], {detail["field"] for detail in error["details"]}) == ("invalid_input", {"nonsense", "seed"})
