"""A video that a graph loads is a field: what its package takes, and what becomes of the prompt."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.fields import VideoField
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import CompileResult, Options, convert
from comfy2runpod_contract.limits import LEAST_INPUT_BYTES, LEAST_INPUT_PIXELS
from comfy2runpod_contract.video_inputs import (
    DEFAULT_VIDEO_BYTES,
    DEFAULT_VIDEO_FRAMES,
    DEFAULT_VIDEO_PIXELS,
    DEFAULT_VIDEO_SECONDS,
    VIDEO_FORMATS,
)
from tests.markers import written_anew
from tests.optional_images import bypassed, compared, compiled, patched


def _node(node_id: int, kind: str, inputs: dict[str, int], values: list[Any]) -> dict[str, Any]:
    declared = load_catalog().get(kind)
    assert declared is not None
    slots = [{"name": name, "type": declared.by_name[name].type, "link": link} for name, link in inputs.items()]
    outputs = [{"name": one.name, "type": one.type, "links": []} for one in declared.outputs]
    return {"id": node_id, "type": kind, "mode": 0, "inputs": slots, "outputs": outputs, "widgets_values": values}


def graph(note: str | None) -> dict[str, Any]:
    """A video's frames, its rate, and the sound of another one."""
    nodes = [
        _node(1, "LoadVideo", {}, ["clip.mp4"]),
        _node(2, "GetVideoComponents", {"video": 1}, []),
        _node(5, "LoadVideo", {}, ["sound.mp4"]),
        _node(6, "GetVideoComponents", {"video": 2}, []),
        _node(3, "CreateVideo", {"images": 3, "fps": 4, "audio": 5}, [24]),
        _node(4, "SaveVideo", {"video": 6}, ["clip", "auto", "auto"]),
    ]
    links = [[1, 1, 0, 2, 0, "VIDEO"], [2, 5, 0, 6, 0, "VIDEO"], [3, 2, 0, 3, 0, "IMAGE"], [4, 2, 2, 3, 1, "FLOAT"],
             [5, 6, 1, 3, 2, "AUDIO"], [6, 3, 0, 4, 0, "VIDEO"]]  # fmt: skip
    if note is not None:
        nodes.append({"id": 99, "type": "Note", "title": "comfy2runpod", "mode": 0, "widgets_values": [note]})
    return {"nodes": nodes, "links": links, "version": 0.4, "extra": {}}


NOTE = """inputs:
  clip: {from: 1.file, description: What is changed., max_frames: 100, max_seconds: 1m, formats: [webm, mp4]}
  sound: {from: 5.file, required: false, bypass: [6]}
"""


@pytest.fixture(scope="module")
def package() -> CompileResult:
    return compiled(graph(NOTE))


def test_without_a_note_each_video_is_a_field_with_the_limits_of_the_contract() -> None:
    fields = compiled(graph(None)).interface.fields
    assert [(field.name, field.required) for field in fields] == [("video", True), ("video_2", True)]
    for field in fields:
        assert isinstance(field, VideoField)
        assert field.formats == ("mp4", "mov", "webm", "mkv")
        assert (field.max_bytes, field.max_pixels) == (
            DEFAULT_VIDEO_BYTES,
            DEFAULT_VIDEO_PIXELS,
        )
        assert (field.max_frames, field.max_seconds) == (
            DEFAULT_VIDEO_FRAMES,
            DEFAULT_VIDEO_SECONDS,
        )


@pytest.mark.parametrize("name", VIDEO_FORMATS)
@pytest.mark.parametrize(("frames", "seconds"), [(1, 600), (9, 1), (500, 30)])
def test_the_example_of_a_video_is_accepted_by_the_narrowest_field(name: str, frames: int, seconds: int) -> None:
    field = VideoField(
        name="clip", title="Clip", description="", required=True, targets=(), max_bytes=LEAST_INPUT_BYTES,
        max_pixels=LEAST_INPUT_PIXELS, max_frames=frames, max_seconds=seconds, formats=(name,),
    )  # fmt: skip
    assert written_anew(field, b64decode(str(field.example())))[4:8] == b"ftyp"


def test_the_note_narrows_what_is_accepted(package: CompileResult) -> None:
    schema = json.loads(package.files["docs/input.schema.json"])
    assert schema["required"] == ["clip"]
    assert schema["properties"]["clip"] == {
        "title": "Clip",
        "description": "What is changed. Base64, a data URL, or an https URL at a public address.",
        "type": "string",
        "minLength": 1,
        "x-media": "video",
        "x-formats": ["mp4", "webm"],
        "x-max-bytes": 20_000_000,
        "x-max-pixels": 2_088_960,
        "x-max-frames": 100,
        "x-max-seconds": 60,
    }
    assert (schema["properties"]["sound"]["type"], schema["properties"]["sound"]["default"]) == (
        ["string", "null"],
        None,
    )
    api = package.files["docs/API.md"]
    assert "MP4 or WebM, at most 20 MB, 2.08896 megapixels a frame, 100 frames and 60 seconds" in api
    assert api.count("## Videos") == 1
    assert "`clip`, `sound` take videos in one of three forms" in api


def test_every_client_has_a_type_for_it(package: CompileResult) -> None:
    python, typescript = (
        package.files[f"clients/{name}"] for name in ("python/graph_client/client.py", "typescript/src/client.ts")
    )
    assert "clip: Video\n" in python
    assert "sound: NotRequired[Video | None]" in python
    assert "clip: Video;" in typescript
    assert "sound?: Video | null;" in typescript
    assert 'export type { Video } from "./videos.js";' in package.files["clients/typescript/src/index.ts"]


def test_the_example_is_a_video_and_the_calls_name_an_address(package: CompileResult) -> None:
    example = json.loads(package.files["test_input.json"])["input"]
    assert set(example) == {"clip"}
    assert len(example["clip"]) < 4000
    assert "https://example.com/video.mp4" in package.files["docs/API.md"]
    assert example["clip"] not in package.files["docs/API.md"]
    assert json.loads(package.files[".runpod/tests.json"])["tests"][0]["input"] == example


def test_patch_code_writes_the_workers_file_and_what_omits_one(package: CompileResult, tmp_path: Path) -> None:
    given, without = patched(package, tmp_path / "package", [(), ("sound",)])
    assert (given["1"]["inputs"]["file"], given["5"]["inputs"]["file"]) == ("clip.png", "sound.png")
    assert given["3"]["inputs"]["audio"] == ["6", 1]
    assert without.keys() == {"1", "2", "3", "4"}
    saved = json.dumps(bypassed(graph(NOTE), ["6"])).encode()
    editors = prompt_to_json(convert(saved, "graph.json", load_catalog(), Options()).graph.prompt())
    assert compared(package, without) == compared(package, editors)
