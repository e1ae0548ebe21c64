"""The generated handler of I2I_MULTIANGLE on the simulator: eight camera angles of one image, each by its name."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from comfy2runpod.simulator import Simulator
from tests.handlers import Handlers

from .conftest import failure
from .images import drawn, saved, text_of, turned

PACKAGE = Path(__file__).parents[2] / "generated" / "i2i_multiangle"
ANGLES = {
    "close_up": "<sks> front view eye-level shot close-up",
    "wide_angle": "<sks> front view eye-level shot wide shot",
    "aerial": "<sks> front view high-angle shot wide shot",
    "low_angle": "<sks> front view low-angle shot medium shot",
    "right_45": "<sks> front-right quarter view eye-level shot medium shot",
    "right_90": "<sks> right side view eye-level shot medium shot",
    "left_45": "<sks> front-left quarter view eye-level shot medium shot",
    "left_90": "<sks> left side view eye-level shot medium shot",
}


@pytest.fixture
def handler(handler_of: Handlers) -> ModuleType:
    return handler_of("i2i_multiangle")


async def run(handler: ModuleType, size: tuple[int, int] = (48, 32), **job_input: object) -> dict[str, Any]:
    given = {"image": text_of(saved(drawn(size=size))), **job_input}
    return dict(await handler.handler({"id": "job-1", "input": given}))


def image(file: dict[str, Any]) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(file["data"])))


def words(prompt: dict[str, Any], output: str) -> str:
    """The text that the output's own branch starts from, followed back from its Save node."""
    titles = {node["_meta"]["title"]: name for name, node in prompt.items() if node["class_type"] == "SaveImage"}
    saves = {"close_up": "Close-up", "wide_angle": "Wide angle", "aerial": "Aerial view", "low_angle": "Low angle"}
    title = saves.get(output) or f"{output.partition('_')[2]} degrees {output.partition('_')[0]}"
    node = titles[title]
    for name in ("images", "samples", "positive", "conditioning", "prompt", "string", "string_a"):
        node = prompt[node]["inputs"][name][0]
    return str(prompt[node]["inputs"]["value"])


async def test_eight_images_come_each_by_its_name(handler: ModuleType, queued: list[dict[str, Any]]) -> None:
    answer = await run(handler, seed=7)
    assert [name for name in answer if name in ANGLES] == list(ANGLES)
    assert len({answer[name]["data"] for name in ANGLES}) == 8
    (prompt,) = queued
    assert {name: words(prompt, name) for name in ANGLES} == ANGLES
    # What does not differ from angle to angle is there once: ComfyUI loads and encodes it once.
    classes = [node["class_type"] for node in prompt.values()]
    assert {
        name: classes.count(name) for name in ("UNETLoader", "CLIPLoader", "VAELoader", "VAEEncode")
    } == dict.fromkeys(("UNETLoader", "CLIPLoader", "VAELoader", "VAEEncode"), 1)
    assert classes.count("KSampler") == classes.count("SaveImage") == 8


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), (1392, 752)),
        ((1080, 1920), (752, 1392)),
        ((64, 64), (1024, 1024)),
        ((120, 180), (832, 1248)),
        ((3000, 100), (1568, 672)),
        ((100, 3000), (672, 1568)),
        ((300, 260), (1104, 944)),
    ],
)
async def test_all_have_the_size_whose_shape_is_nearest(
    handler: ModuleType, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    answer = await run(handler, size, seed=1)
    for name in ANGLES:
        assert (answer[name]["width"], answer[name]["height"]) == image(answer[name]).size == expected


async def test_the_shape_is_that_of_the_upright_image(handler: ModuleType) -> None:
    answer = await run(handler, image=text_of(turned(6)), seed=1)
    assert answer["aerial"]["width"] < answer["aerial"]["height"]


async def test_seed_steps_style_and_image_reach_every_angle(handler: ModuleType, queued: list[dict[str, Any]]) -> None:
    changes: list[dict[str, Any]] = [{}, {}, {"seed": 8}, {"steps": 2}, {"style": "soft light"}, {"size": (32, 48)}]
    first, again, *others = [await run(handler, **{"seed": 7, **change}) for change in changes]
    for name in ANGLES:
        assert first[name]["data"] == again[name]["data"]
        assert len({answer[name]["data"] for answer in (first, *others)}) == 5
    samplers = [node["inputs"] for node in queued[2].values() if node["class_type"] == "KSampler"]
    assert [inputs["seed"] for inputs in samplers] == [8] * 8


@pytest.mark.parametrize(
    ("job_input", "field"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": -1}, "steps"),
        ({"steps": 21}, "steps"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"style": "x" * 1001}, "style"),
        ({"style": None}, "style"),
        ({"image": "../x.png"}, "image"),
    ],
)
async def test_what_the_server_would_let_through_is_refused(
    handler: ModuleType, simulator: Simulator, job_input: dict[str, object], field: str
) -> None:
    before = simulator.prompts_received
    error = failure(await run(handler, **job_input))
    assert error["code"] == "invalid_input"
    assert [detail["field"] for detail in error["details"]] == [field]  # type: ignore[attr-defined]
    assert simulator.prompts_received == before


async def test_a_subset_of_the_angles_runs_only_what_they_need(
    handler: ModuleType, queued: list[dict[str, Any]]
) -> None:
    answer = await run(handler, seed=7, outputs=["left_90", "close_up"])
    assert set(answer) & set(ANGLES) == {"left_90", "close_up"}
    (prompt,) = queued
    classes = [node["class_type"] for node in prompt.values()]
    assert (classes.count("KSampler"), classes.count("SaveImage"), classes.count("UNETLoader")) == (2, 2, 1)
    assert words(prompt, "left_90") == ANGLES["left_90"]
    # An angle does not depend on which others are asked for.
    assert answer["close_up"]["data"] == (await run(handler, seed=7, outputs=["close_up"]))["close_up"]["data"]


async def test_angles_are_encoded_as_asked(handler: ModuleType) -> None:
    plain = await run(handler, seed=7, outputs=["aerial"])
    small = await run(handler, seed=7, outputs=["aerial"], output={"format": "webp", "quality": 80})
    assert image(small["aerial"]).format == "WEBP"
    assert small["aerial"]["media_type"] == "image/webp"
    assert small["aerial"]["bytes"] < plain["aerial"]["bytes"]
