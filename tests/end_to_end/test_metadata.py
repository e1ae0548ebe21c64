"""What ComfyUI writes into files of itself: taken out of every kind of output, or kept as it is, by OUTPUT_METADATA."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator import Simulator
from comfy2runpod.simulator.server import running_simulator
from tests.handlers import Handlers

from .saving import Graph

# Of the graph: none of them is in a file that a caller gets, unless the files keep their metadata.
MARKERS = (
    *(
        "prompt",
        "workflow",
        "class_type",
        "inputs",
        "filename_prefix",
        "_meta",
        "EmptyImage",
        "SaveImage",
        "CreateVideo",
    ),
    *("my private title", "a very private word", "comfy2runpod/"),
)


@pytest.fixture(scope="module")
def telling() -> Iterator[Simulator]:
    """A simulator whose files tell the prompt, as those of ComfyUI do without --disable-metadata."""
    with running_simulator(load_catalog(), metadata=True) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    graph = Graph()
    images = graph.add("EmptyImage", 64, 48, 3, 0)
    graph.nodes[-1]["title"] = "my private title"
    single = graph.add("EmptyImage", 64, 48, 1, 0)
    sound = graph.add("EmptyAudio", 0.5, 44100, 2)
    clip = graph.add("CreateVideo", 8, images=(images, 0))
    vae = graph.add("VAELoader", "a very private word.safetensors")
    latent = graph.add("EmptyLatentHunyuan3Dv2", 3072, 1)
    voxel = graph.add("VAEDecodeHunyuan3D", 8000, 256, samples=(latent, 0), vae=(vae, 0))
    mesh = graph.add("VoxelToMesh", "surface net", 0.6, voxel=(voxel, 0))
    outputs = {
        "image": graph.add("SaveImage", "a", images=(single, 0)),
        "moving_png": graph.add("SaveAnimatedPNG", "b", 8, 4, images=(images, 0)),
        "moving_webp": graph.add("SaveAnimatedWEBP", "c", 8, True, 80, "default", images=(images, 0)),
        "webm": graph.add("SaveWEBM", "d", "vp9", 8, 32, images=(images, 0)),
        "mp4": graph.add("SaveVideo", "e", "auto", "auto", video=(clip, 0)),
        "flac": graph.add("SaveAudio", "f", audio=(sound, 0)),
        "mp3": graph.add("SaveAudioMP3", "g", "V0", audio=(sound, 0)),
        "opus": graph.add("SaveAudioOpus", "h", "128k", audio=(sound, 0)),
        "shape": graph.add("SaveGLB", "i", mesh=(mesh, 0)),
    }
    lines = [f"  {name}: {{from: {node}}}" for name, node in outputs.items()]
    note = "name: telling\ninputs: {}\noutputs:\n" + "\n".join(lines)
    return graph.package(note, tmp_path_factory.mktemp("packages"))


@pytest.fixture
def handlers(telling: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handlers]:
    made = Handlers(telling, monkeypatch)
    yield made
    made.forget()


async def files(package: Path, handlers: Handlers, folder: Path, asked: Any, **environment: object) -> dict[str, Path]:
    """The files of a job by the names of their outputs, from the package's own handler."""
    handler = handlers(package, **environment)
    answer = await handler.endpoint.handle({"id": "job-1", "input": asked})
    assert "error" not in answer, answer
    found = {}
    for name, told in answer.items():
        if isinstance(told, dict) and "data" in told:
            found[name] = folder / f"{name}{environment.get('OUTPUT_METADATA', '')}"
            found[name].write_bytes(base64.b64decode(told["data"]))
    return found


def prompt_in(path: Path, kind: str) -> dict[str, Any]:
    """The prompt that a file tells, found where each program that reads it looks."""
    if kind == "shape":
        content = path.read_bytes()
        (length,) = struct.unpack_from("<I", content, 12)
        text = json.loads(content[20 : 20 + length])["asset"]["extras"]["prompt"]
    elif kind == "moving_png":
        content = path.read_bytes()
        at = content.index(b"comfprompt\0")
        (length,) = struct.unpack_from(">I", content, at - 4)
        text = content[at + 11 : at + 4 + length].decode("latin-1")
    elif kind in ("moving_webp", "webp", "jpeg"):
        with Image.open(path) as image:
            text = image.getexif()[0x0110].removeprefix("prompt:")
    elif kind in ("image", "png"):
        with Image.open(path) as image:
            image.load()
            text = image.text["prompt"]
    else:
        with av.open(path) as container:
            notes = {**container.metadata, **container.streams[0].metadata}
            text = next(value for key, value in notes.items() if key.lower() == "prompt")
    told: dict[str, Any] = json.loads(text)
    return told


async def test_no_file_tells_anything_of_the_graph(package: Path, handlers: Handlers, tmp_path: Path) -> None:
    found = await files(package, handlers, tmp_path, {})
    assert len(found) == 9
    for name, path in found.items():
        content = path.read_bytes()
        for marker in MARKERS:
            assert marker.encode() not in content, (name, marker)
            assert marker.encode("utf-16-le") not in content, (name, marker)


async def test_kept_metadata_is_read_back_equal_in_every_kind(
    package: Path, handlers: Handlers, tmp_path: Path
) -> None:
    found = await files(package, handlers, tmp_path, {}, OUTPUT_METADATA="keep")
    assert len(found) == 9
    told = [prompt_in(path, name) for name, path in found.items()]
    assert all(prompt == told[0] for prompt in told)
    assert {node["class_type"] for node in told[0].values()} >= {"EmptyImage", "SaveGLB", "CreateVideo"}
    assert "a very private word.safetensors" in json.dumps(told[0])


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
async def test_an_image_in_another_format_has_the_prompt_if_it_is_kept(
    package: Path, handlers: Handlers, tmp_path: Path, kind: str
) -> None:
    asked = {"outputs": ["image"], "output": {"format": kind}}
    kept = await files(package, handlers, tmp_path, asked, OUTPUT_METADATA="keep")
    assert {node["class_type"] for node in prompt_in(kept["image"], kind).values()} == {"EmptyImage", "SaveImage"}
    other = await files(package, handlers, tmp_path, asked, OUTPUT_METADATA="strip")
    assert not [marker for marker in MARKERS if marker.encode() in other["image"].read_bytes()]
    with Image.open(kept["image"]) as one, Image.open(other["image"]) as two:
        assert one.tobytes() == two.tobytes()
