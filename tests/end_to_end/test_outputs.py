"""What an endpoint gives back: every kind of output, the choice among several, and branches that fail."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from PIL import Image

from comfy2runpod.simulator import Simulator
from tests.cli.command import comfy2runpod

from .saving import Graph


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = Graph()
    images = graph.add("EmptyImage", 64, 48, 3, 0)
    sound = graph.add("EmptyAudio", 1.5, 44100, 2)
    clip = graph.add("CreateVideo", 8, images=(images, 0))
    text = graph.add("PrimitiveString", "two words")
    vae = graph.add("VAELoader", "shape.safetensors")
    latent = graph.add("EmptyLatentHunyuan3Dv2", 3072, 1)
    voxel = graph.add("VAEDecodeHunyuan3D", 8000, 256, samples=(latent, 0), vae=(vae, 0))
    mesh = graph.add("VoxelToMesh", "surface net", 0.6, voxel=(voxel, 0))
    outputs = {
        "images": graph.add("SaveImage", "a", images=(images, 0)),
        "moving_png": graph.add("SaveAnimatedPNG", "b", 8, 4, images=(images, 0)),
        "moving_webp": graph.add("SaveAnimatedWEBP", "c", 8, True, 80, "default", images=(images, 0)),
        "webm": graph.add("SaveWEBM", "d", "vp9", 8, 32, images=(images, 0)),
        "video": graph.add("SaveVideo", "e", "auto", "auto", video=(clip, 0)),
        "flac": graph.add("SaveAudio", "f", audio=(sound, 0)),
        "mp3": graph.add("SaveAudioMP3", "g", "V0", audio=(sound, 0)),
        "opus": graph.add("SaveAudioOpus", "h", "128k", audio=(sound, 0)),
        "shape": graph.add("SaveGLB", "i", mesh=(mesh, 0)),
        "words": graph.add("PreviewAny", source=(text, 0)),
    }
    lines = [
        f"  {name}: {{from: {node}{', many: true' if name == 'images' else ''}}}" for name, node in outputs.items()
    ]
    note = "name: every_kind\ninputs: {}\noutputs:\n" + "\n".join(lines)
    return graph.package(note, tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def branches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images; the second is scaled by a field, and fails where that leaves nothing of it."""
    graph = Graph()
    images = graph.add("EmptyImage", 60, 40, 1, 0)
    scaled = graph.add("ImageScaleBy", "bilinear", 1.0, image=(images, 0))
    turned = graph.add("ImageInvert", image=(images, 0))
    for origin in (images, scaled, turned):
        graph.add("SaveImage", "x", images=(origin, 0))
    note = f"name: branches\ninputs: {{scale: {{from: {scaled}.scale_by}}}}\n"
    note += "outputs: {plain: {from: 4}, scaled: {from: 5}, turned: {from: 6}}"
    return graph.package(note, tmp_path_factory.mktemp("packages"))


def run(package: Path, folder: Path, simulator: Simulator, **asked: Any) -> dict[str, Any]:
    done = comfy2runpod("run", package, "--input", json.dumps(asked), "-o", folder, "--comfyui", simulator.url)
    answer: dict[str, Any] = json.loads((folder / "response.json").read_text())
    assert done.returncode == (1 if "error" in answer else 0), done.stderr
    return answer


def queued(simulator: Simulator) -> list[set[str]]:
    """The nodes of every prompt that the simulator ran, in order."""
    history = httpx.get(f"{simulator.url}/history").json()
    return [set(entry["prompt"][2]) for entry in history.values()]


def test_every_kind_of_output_is_measured_and_hashed(every_kind: Path, simulator: Simulator, tmp_path: Path) -> None:
    answer = run(every_kind, tmp_path, simulator)
    moving = {"width": 64, "height": 48, "frame_count": 3}
    expected = {
        "moving_png": ("image/png", {**moving, "duration_seconds": 0.38}),
        "moving_webp": ("image/webp", {**moving, "duration_seconds": 0.38}),
        "webm": ("video/webm", {**moving, "duration_seconds": 0.38}),
        "video": ("video/mp4", {**moving, "duration_seconds": 0.38}),
        "flac": ("audio/flac", {"duration_seconds": 1.5}),
        "mp3": ("audio/mpeg", {"duration_seconds": pytest.approx(1.5, abs=0.06)}),
        "opus": ("audio/ogg", {"duration_seconds": pytest.approx(1.5, abs=0.06)}),
        "shape": ("model/gltf-binary", {}),
    }
    for name, (media_type, measures) in expected.items():
        told = dict(answer[name])
        data = (tmp_path / told.pop("data")).read_bytes()
        facts = {"media_type": media_type, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        assert told == {**facts, **measures}, name
    assert [(one["width"], one["height"]) for one in answer["images"]] == [(64, 48)] * 3
    assert answer["words"] == {"text": "two words"}


def test_an_answer_fits_the_packages_schema(every_kind: Path, simulator: Simulator, tmp_path: Path) -> None:
    schema = json.loads((every_kind / "docs" / "output.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(run(every_kind, tmp_path / "all", simulator), schema)
    jsonschema.validate(run(every_kind, tmp_path / "two", simulator, outputs=["words", "images"]), schema)


@pytest.mark.parametrize(("asked", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_images_are_encoded_as_asked(
    branches: Path, simulator: Simulator, tmp_path: Path, asked: str, kind: str
) -> None:
    sizes = {}
    for quality in (20, 95):
        folder = tmp_path / str(quality)
        wanted = {"format": asked, "quality": quality}
        answer = run(branches, folder, simulator, outputs=["plain"], output=wanted)
        told = answer["plain"]
        with Image.open(folder / told["data"]) as image:
            image.load()
            assert (image.format, image.size, image.mode) == (kind, (60, 40), "RGB")
            # ComfyUI writes the whole prompt into its files; callers do not get it.
            assert not {"prompt", "workflow"} & set(image.info)
        assert told["media_type"] == f"image/{asked}"
        assert told["data"] == f"plain.{'jpg' if asked == 'jpeg' else asked}"
        sizes[quality] = told["bytes"]
    assert sizes[20] == sizes[95] if asked == "png" else sizes[20] < sizes[95]


def test_a_subset_runs_only_what_it_needs(branches: Path, simulator: Simulator, tmp_path: Path) -> None:
    before = len(queued(simulator))
    answer = run(branches, tmp_path, simulator, outputs=["turned"])
    assert set(answer) == {"turned", "prompt_id"}
    assert queued(simulator)[before:] == [{"1", "3", "6"}]


def test_a_branch_that_fails_is_named_and_fails_the_job(branches: Path, simulator: Simulator, tmp_path: Path) -> None:
    error = run(branches, tmp_path, simulator, scale=0.01)["error"]
    assert error["code"] == "comfyui_error"
    # As ComfyUI 0.21.0 says it.
    failed = (
        "Upscale Image By (node 2, ImageScaleBy) failed: RuntimeError: Input and output sizes should be greater than 0"
    )
    assert f"{failed}, but got input (H: 40, W: 60) output (H: 0, W: 1)" in error["message"]
    assert [detail["output"] for detail in error["details"]] == ["scaled"]


def test_the_others_come_on_request(branches: Path, simulator: Simulator, tmp_path: Path) -> None:
    answer = run(branches, tmp_path, simulator, scale=0.01, allow_partial=True)
    assert set(answer) == {"plain", "turned", "failed", "prompt_id"}
    (failed,) = answer["failed"]
    assert (failed["output"], failed["code"]) == ("scaled", "comfyui_error")
    for name in ("plain", "turned"):
        with Image.open(tmp_path / answer[name]["data"]) as image:
            assert image.size == (60, 40)


def test_nothing_made_is_a_failure_even_then(branches: Path, simulator: Simulator, tmp_path: Path) -> None:
    error = run(branches, tmp_path, simulator, scale=0.01, allow_partial=True, outputs=["scaled"])["error"]
    assert error["code"] == "comfyui_error"


@pytest.mark.parametrize(
    ("asked", "field", "message"),
    [
        ({"outputs": []}, "outputs", "must not be empty"),
        ({"outputs": ["plain", "plain"]}, "outputs", "names plain twice"),
        ({"outputs": ["sclaed"]}, "outputs.0", "must be one of 'plain', 'scaled' or 'turned', not the text 'sclaed'"),
        ({"outputs": "plain"}, "outputs", "must be an array, not the text 'plain'"),
        ({"output": {"format": "gif"}}, "output.format", "must be one of 'png', 'jpeg' or 'webp', not the text 'gif'"),
        ({"output": {"quality": 0}}, "output.quality", "must be at least 1"),
        ({"output": 5}, "output", "must be an object, not 5"),
        ({"allow_partial": "yes"}, "allow_partial", "must be a boolean, not the text 'yes'"),
    ],
)
def test_what_is_wrong_with_the_choice_is_reported(
    branches: Path, simulator: Simulator, tmp_path: Path, asked: dict[str, Any], field: str, message: str
) -> None:
    error = run(branches, tmp_path, simulator, **asked)["error"]
    (fault,) = error["details"]
    assert (error["code"], fault["field"]) == ("invalid_input", field)
    assert fault["message"].startswith(message), fault["message"]
