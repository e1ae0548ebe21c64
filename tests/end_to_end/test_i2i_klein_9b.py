"""The generated handler of I2I_KLEIN_9B on the simulator: what is queued, and the size that the image implies."""

from __future__ import annotations

import base64
from io import BytesIO
from math import sqrt
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from comfy2runpod.simulator import Simulator
from tests.handlers import Handlers

from .conftest import failure
from .images import drawn, saved, text_of, turned

PACKAGE = Path(__file__).parents[2] / "generated" / "i2i_klein_9b"


@pytest.fixture
def handler(handler_of: Handlers) -> ModuleType:
    return handler_of("i2i_klein_9b")


async def run(handler: ModuleType, size: tuple[int, int] = (48, 32), **job_input: object) -> dict[str, Any]:
    given = {"image": text_of(saved(drawn(size=size))), "prompt": "make it winter", **job_input}
    return dict(await handler.handler({"id": "job-1", "input": given}))


def image(answer: dict[str, Any]) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(str(answer["image_edited"]))))


def implied(width: int, height: int, megapixels: float) -> tuple[int, int]:
    """The size that the field's description tells."""
    scale = sqrt(megapixels * 1048576 / (width * height))
    return 16 * round(width * scale / 16), 16 * round(height * scale / 16)


@pytest.mark.parametrize("megapixels", [0.25, 1, 2.5])
@pytest.mark.parametrize(
    "size", [(1920, 1080), (1080, 1920), (200, 120), (64, 64), (1, 1), (333, 777), (2500, 100), (31, 1000), (16, 9)]
)
async def test_the_result_has_the_size_that_the_description_tells(
    handler: ModuleType, size: tuple[int, int], megapixels: float
) -> None:
    answer = await run(handler, size, megapixels=megapixels)
    assert (answer["width"], answer["height"]) == image(answer).size == implied(*size, megapixels)


async def test_the_descriptions_example_is_right(handler: ModuleType) -> None:
    answer = await run(handler, (1920, 1080))
    assert (answer["width"], answer["height"]) == (1360, 768)


async def test_the_size_is_that_of_the_upright_image(handler: ModuleType) -> None:
    # drawn() is 48 wide and 32 high; its EXIF says that it lies on its side.
    answer = await run(handler, image=text_of(turned(6)))
    assert (answer["width"], answer["height"]) == implied(32, 48, 1)


SECOND, THIRD = {"30:21", "30:22", "30:23", "30:24", "33"}, {"30:25", "30:26", "30:27", "30:28", "34"}


@pytest.mark.parametrize(
    ("given", "read", "gone"),
    [
        ({}, ("30:8", "30:9"), SECOND | THIRD),
        ({"image_2": None, "image_3": None}, ("30:8", "30:9"), SECOND | THIRD),
        ({"image_2": (300, 200)}, ("30:23", "30:24"), THIRD),
        ({"image_3": (20, 30)}, ("30:27", "30:28"), SECOND),
        ({"image_2": (300, 200), "image_3": (20, 30)}, ("30:27", "30:28"), set()),
    ],
)
async def test_the_images_that_are_given_are_queued_and_no_others(
    handler: ModuleType,
    queued: list[dict[str, Any]],
    given: dict[str, tuple[int, int] | None],
    read: tuple[str, str],
    gone: set[str],
) -> None:
    sent = {name: None if size is None else text_of(saved(drawn(size=size))) for name, size in given.items()}
    answer = await run(handler, (1920, 1080), **sent)
    assert (answer["width"], answer["height"]) == (1360, 768)
    (prompt,) = queued
    assert [prompt["30:15"]["inputs"][side] for side in ("positive", "negative")] == [[node, 0] for node in read]
    assert prompt.keys() & (SECOND | THIRD) == (SECOND | THIRD) - gone
    files = {node["inputs"]["image"] for node in prompt.values() if node["class_type"] == "LoadImage"}
    names = {"image", *(name for name, size in given.items() if size is not None)}
    assert files == {f"comfy2runpod/{answer['prompt_id']}/{name}.png" for name in names}
    # The chain of references, from its end to the text.
    passed, node = [], read[0]
    while prompt[node]["class_type"] == "ReferenceLatent":
        passed.append(node)
        node = prompt[node]["inputs"]["conditioning"][0]
    assert (node, len(passed)) == ("30:4", len(names))


async def test_each_image_changes_the_result_and_its_place_counts(handler: ModuleType) -> None:
    one, other = text_of(saved(drawn("L"))), text_of(saved(drawn("RGBA")))
    same: dict[str, Any] = {"seed": 7, "megapixels": 0.25}
    results = [
        (await run(handler, **same, **more))["image_edited"]
        for more in ({}, {"image_2": one}, {"image_2": one, "image_3": other}, {"image_2": other, "image_3": one})
    ]
    assert len(set(results)) == len(results)


async def test_the_longest_result_that_there_is_can_be_a_webp(handler: ModuleType) -> None:
    answer = await run(handler, (1000, 20), megapixels=4, output={"format": "webp", "quality": 1})
    assert (answer["media_type"], answer["width"], answer["height"]) == ("image/webp", *implied(1000, 20, 4))


async def test_image_text_and_seed_each_change_the_result(handler: ModuleType) -> None:
    same: dict[str, Any] = {"seed": 7, "megapixels": 0.25}
    first, again, *others = [
        (await run(handler, **{**same, **more}))["image_edited"]
        for more in ({}, {}, {"prompt": "autumn"}, {"seed": 8}, {"steps": 5}, {"image": text_of(saved(drawn("L")))})
    ]
    assert first == again
    assert len({first, *others}) == 5


@pytest.mark.parametrize(
    ("job_input", "field"),
    [
        ({"megapixels": 0.24}, "megapixels"),
        ({"megapixels": 4.01}, "megapixels"),
        ({"steps": 0}, "steps"),
        ({"steps": 21}, "steps"),
        ({"seed": 2**32}, "seed"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x" * 4001}, "prompt"),
        ({"image": "image.png"}, "image"),
        ({"image": None}, "image"),
        ({"image": text_of(saved(drawn(size=(1020, 20))))}, "image"),
        ({"image_2": ""}, "image_2"),
        ({"image_2": 5}, "image_2"),
        ({"image_2": "image.png"}, "image_2"),
        ({"image_3": text_of(saved(drawn(size=(1001, 1))))}, "image_3"),
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
