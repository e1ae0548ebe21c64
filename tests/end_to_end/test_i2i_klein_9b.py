"""The generated handler of I2I_KLEIN_9B on the simulator: the result has the size that the picture implies."""

from __future__ import annotations

import base64
import importlib
import sys
from collections.abc import Iterator
from io import BytesIO
from math import sqrt
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from comfy2runpod.simulator import Simulator

from .conftest import failure
from .pictures import drawn, saved, text_of, turned

PACKAGE = Path(__file__).parents[2] / "generated" / "i2i_klein_9b"
_MODULES = ("handler", "patch", "schema")


@pytest.fixture
def handler(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setenv("COMFYUI_URL", simulator.url)
    monkeypatch.syspath_prepend(str(PACKAGE))
    for name in _MODULES:
        sys.modules.pop(name, None)
    yield importlib.import_module("handler")
    for name in _MODULES:
        sys.modules.pop(name, None)


async def run(handler: ModuleType, size: tuple[int, int] = (48, 32), **job_input: object) -> dict[str, Any]:
    given = {"image": text_of(saved(drawn(size=size))), "prompt": "make it winter", **job_input}
    return dict(await handler.handler({"id": "job-1", "input": given}))


def picture(answer: dict[str, Any]) -> Image.Image:
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
    assert (answer["width"], answer["height"]) == picture(answer).size == implied(*size, megapixels)


async def test_the_descriptions_example_is_right(handler: ModuleType) -> None:
    answer = await run(handler, (1920, 1080))
    assert (answer["width"], answer["height"]) == (1360, 768)


async def test_the_size_is_that_of_the_upright_picture(handler: ModuleType) -> None:
    # drawn() is 48 wide and 32 high; its EXIF says that it lies on its side.
    answer = await run(handler, image=text_of(turned(6)))
    assert (answer["width"], answer["height"]) == implied(32, 48, 1)


async def test_picture_text_and_seed_each_change_the_result(handler: ModuleType) -> None:
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
        ({"image": "picture.png"}, "image"),
        ({"image": None}, "image"),
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
