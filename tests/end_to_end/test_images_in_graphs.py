"""Which images of a graph become fields, what the simulator makes of their size, and how `run` takes a file."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.catalog.layers import read_layer, with_layers
from comfy2runpod.fields import ImageField
from comfy2runpod.pipeline import CompileResult, Options, compile_graph
from comfy2runpod.simulator import Simulator
from tests.cli.command import comfy2runpod

from .images import drawn, saved

GRAPH = Path(__file__).parent / "scale_image.json"


def changed(catalog: Catalog | None = None, **by_id: dict[str, Any] | None) -> CompileResult:
    """The graph without its note, and with changes to its nodes by id (`n1`); None removes one."""
    graph = json.loads(GRAPH.read_text())
    graph["nodes"] = [
        {**node, **(by_id.get(f"n{node['id']}") or {})}
        for node in graph["nodes"]
        if node["type"] != "MarkdownNote" and by_id.get(f"n{node['id']}", {}) is not None
    ]
    return compile_graph(json.dumps(graph).encode(), GRAPH.name, catalog or load_catalog(), Options())


def images(result: CompileResult) -> list[str]:
    return [field.name for field in result.interface.fields if isinstance(field, ImageField)]


def test_without_a_note_every_image_that_is_needed_is_a_field() -> None:
    result = changed()
    (field,) = result.interface.fields
    assert isinstance(field, ImageField)
    assert (field.name, field.required, field.max_bytes, field.max_pixels) == ("image", True, 20_000_000, 32_000_000)
    assert field.max_aspect == 1000
    assert field.formats == ("png", "jpeg", "webp")
    assert [(target.node_id, target.input) for target in field.targets] == [("1", "image")]
    assert images(changed(n1={"title": "Person to draw"})) == ["person_to_draw"]


def test_an_image_that_no_output_needs_is_left_alone() -> None:
    graph = json.loads(GRAPH.read_text())
    idle = {**graph["nodes"][0], "id": 7, "outputs": []}
    graph["nodes"].append(idle)
    result = compile_graph(json.dumps(graph).encode(), GRAPH.name, load_catalog(), Options())
    assert images(result) == ["image"]
    assert [(target.node_id, target.input) for target in result.interface.fields[0].targets] == [("1", "image")]


@pytest.mark.parametrize(
    ("node", "aspect"),
    [
        # The short side of 1 megapixel is to be 64 pixels long, and so on.
        ({"widgets_values": ["area", 1.0, 64]}, 256),
        ({"widgets_values": ["area", 0.25, 64]}, 64),
        ({"widgets_values": ["area", 0.01, 256]}, 1),
        ({"type": "ImageScaleToMaxDimension", "widgets_values": ["area", 300]}, 300),
        ({"type": "ImageScaleToMaxDimension", "widgets_values": ["area", 4096]}, 1000),
        ({"type": "FluxKontextImageScale", "widgets_values": []}, 1000),
    ],
)
def test_how_long_and_thin_an_image_may_be_follows_from_the_node_that_scales_it(
    node: dict[str, Any], aspect: int
) -> None:
    (field,) = changed(n2=node).interface.fields
    assert isinstance(field, ImageField)
    assert field.max_aspect == aspect


@pytest.mark.parametrize(
    ("size", "step", "aspect"),
    [
        (1e308, 1.0, 1000),
        (1.0, 1e300, 1),
        (1e308, 1e300, 1),
        (1e308, 1e100, 1000),
        (-1e308, 1.0, 1),
        (0.0, 0.0, 1),
        (10**307, 64, 1000),
    ],
)
def test_a_pack_may_scale_by_any_number_that_a_double_holds(size: float, step: float, aspect: int) -> None:
    widgets = [{"name": name, "type": "FLOAT", "default": 1.0} for name in ("megapixels", "multiple")]
    scale = {
        "inputs": [{"name": "image", "type": "IMAGE"}, *widgets],
        "outputs": [{"name": "IMAGE", "type": "IMAGE"}],
        "module": "custom_nodes.made-up",
    }
    fact = {"fact": "scale", "classes": ["MadeUpScale"], "size": "megapixels", "area": True, "step": "multiple"}
    told = {"pack": "made-up", "facts": [{**fact, "source": "made up", "versions": "*"}]}
    layer = read_layer(json.dumps({"classes": {"MadeUpScale": scale}, **told}).encode(), "made-up.json")
    catalog = with_layers(load_catalog(), [layer])
    (field,) = changed(catalog, n2={"type": "MadeUpScale", "widgets_values": [size, step]}).interface.fields
    assert isinstance(field, ImageField)
    assert field.max_aspect == aspect


def test_run_reads_an_image_from_a_file(tmp_path: Path) -> None:
    assert comfy2runpod("compile", GRAPH, "-o", tmp_path).returncode == 0
    (tmp_path / "cat.png").write_bytes(saved(drawn(size=(64, 32))))
    package = tmp_path / "scale_image"
    given = json.dumps({"image": "@cat.png", "megapixels": 0.5})
    done = comfy2runpod("run", package, "--input", given, "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out" / "image_out.png") as image:
        assert image.size == (1024, 512)
    missing = comfy2runpod("run", package, "--input", '{"image": "@dog.png"}', "-o", "out", cwd=tmp_path)
    assert missing.returncode == 3
    assert "dog.png" in missing.stderr
    example = comfy2runpod("run", package, "--input", f"@{package / 'test_input.json'}", "-o", "out", cwd=tmp_path)
    assert example.returncode == 0, example.stderr


@pytest.mark.parametrize(
    ("class_type", "inputs", "size"),
    [
        ("ImageScaleToTotalPixels", {"megapixels": 1.0, "resolution_steps": 1}, (1322, 793)),
        ("ImageScaleToTotalPixels", {"megapixels": 1.0, "resolution_steps": 16}, (1328, 800)),
        ("ImageScaleToTotalPixels", {"megapixels": 0.02, "resolution_steps": 8}, (184, 112)),
        ("ImageScaleToMaxDimension", {"largest_size": 512}, (512, 307)),
        ("FluxKontextImageScale", {}, (1328, 800)),
    ],
)
async def test_the_simulator_scales_an_uploaded_image_as_the_real_nodes_do(
    simulator: Simulator, class_type: str, inputs: dict[str, Any], size: tuple[int, int]
) -> None:
    from comfy2runpod_runtime.comfyui.client import ComfyUIClient  # noqa: PLC0415

    more = {} if class_type == "FluxKontextImageScale" else {"upscale_method": "area"}
    prompt: Any = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "jobs/a/x.png"}},
        "2": {"class_type": class_type, "inputs": {"image": ["1", 0], **more, **inputs}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "scaled"}},
    }
    async with ComfyUIClient(simulator.url, 10) as client:
        await client.upload(saved(drawn(size=(200, 120))), "jobs/a", "x.png")
        prompt_id = uuid.uuid4().hex
        await client.queue(prompt, prompt_id, "c")
        while (history := await client.history(prompt_id)) is None:
            await asyncio.sleep(0.01)
    saved_file = history.files["3"][0]
    with Image.open(simulator._engine.folder / saved_file.subfolder / saved_file.filename) as image:
        assert image.size == size


async def test_the_simulator_refuses_an_image_that_was_not_uploaded(simulator: Simulator) -> None:
    from comfy2runpod_runtime.comfyui.client import ComfyUIClient  # noqa: PLC0415
    from comfy2runpod_runtime.errors import ComfyUIError  # noqa: PLC0415

    prompt: Any = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "nosuch.png"}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    async with ComfyUIClient(simulator.url, 10) as client:
        with pytest.raises(ComfyUIError, match=r"Invalid image file: nosuch\.png"):
            await client.queue(prompt, "p", "c")
        with pytest.raises(ComfyUIError, match="refused an input file"):
            await client.upload(b"x", "../..", "x.png")
