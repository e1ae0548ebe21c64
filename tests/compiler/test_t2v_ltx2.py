"""The compiled prompt and interface of the reference graph."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, compile_graph, convert

ROOT = Path(__file__).parents[2]
GRAPH = ROOT / "graphs" / "t2v_ltx2.json"

# The sha256 of the prompt that the real editor 1.43.18 makes of the public template, without titles and with sorted
# keys: the template's own texts stay out of the repository.
EDITOR_PROMPT_OF_TEMPLATE = "ab0e7bfce52ec4a90e2170faaca229b030dbb12dc8ea1bc5f9b1604b66cd0e4e"


def compiled() -> dict[str, str]:
    return dict(compile_graph(GRAPH.read_bytes(), "t2v_ltx2.json", load_catalog(), Options()).files)


def test_the_public_template_becomes_the_prompt_that_the_editor_makes_of_it() -> None:
    template = resources.files("comfyui_workflow_templates_json").joinpath("templates/video_ltx2_t2v.json")
    converted = convert(template.read_bytes(), "video_ltx2_t2v.json", load_catalog(), Options())
    assert digest(prompt_to_json(converted.graph.prompt())) == EDITOR_PROMPT_OF_TEMPLATE


def digest(prompt: object) -> str:
    nodes = json.loads(json.dumps(prompt))
    for node in nodes.values():
        node.pop("_meta", None)
    return hashlib.sha256(json.dumps(nodes, sort_keys=True).encode()).hexdigest()


def test_ids_are_paths_through_the_subgraph() -> None:
    prompt = json.loads(compiled()["workflow_api.json"])
    assert prompt["75"]["inputs"]["video"] == ["92:97", 0]
    assert prompt["92:41"]["inputs"]["noise"] == ["92:11", 0]
    assert not any(node["class_type"] in ("MarkdownNote", "Reroute") for node in prompt.values())


def test_one_seed_field_feeds_the_noise_of_both_stages() -> None:
    patch = compiled()["patch.py"]
    assert 'prompt["92:11"]["inputs"]["noise_seed"] = run.seeds["seed"]' in patch
    assert 'prompt["92:67"]["inputs"]["noise_seed"] = run.seeds["seed"]' in patch


def test_width_is_rounded_up_for_the_latent_and_exact_for_the_crop() -> None:
    patch = compiled()["patch.py"]
    assert 'prompt["92:89"]["inputs"]["width"] = round_up(request.width, 64)' in patch
    assert 'prompt["92:110"]["inputs"]["width"] = request.width' in patch


def test_frame_rate_and_frame_count_reach_every_node_that_needs_them() -> None:
    prompt = json.loads(compiled()["workflow_api.json"])
    rate, whole_rate, frames = ["92:102", 0], ["92:103", 0], ["92:62", 0]
    assert prompt["92:22"]["inputs"]["frame_rate"] == rate
    assert prompt["92:97"]["inputs"]["fps"] == rate
    assert prompt["92:51"]["inputs"]["frame_rate"] == whole_rate
    assert prompt["92:51"]["inputs"]["frames_number"] == frames
    assert prompt["92:43"]["inputs"]["length"] == frames
    assert prompt["92:102"]["inputs"]["value"] == prompt["92:103"]["inputs"]["value"] == 24
