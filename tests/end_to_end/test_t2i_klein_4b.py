"""The generated handler of T2I_KLEIN_4b on the simulator: images of exactly the size asked for."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from comfy2runpod.simulator import Simulator
from tests.handlers import Handlers

from .conftest import failure

PACKAGE = Path(__file__).parents[2] / "generated" / "t2i_klein_4b"


@pytest.fixture
def handler(handler_of: Handlers) -> ModuleType:
    return handler_of("t2i_klein_4b")


async def run(handler: ModuleType, **job_input: object) -> dict[str, object]:
    answer: dict[str, object] = await handler.handler({"id": "job-1", "input": {"prompt": "a cat", **job_input}})
    return answer


def image(answer: dict[str, object]) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(str(answer["image"]))))


@pytest.mark.parametrize(
    ("width", "height"),
    [(1024, 1024), (1000, 700), (64, 64), (65, 79), (2048, 65), (81, 2047), (512, 768), (1023, 1025)],
)
async def test_the_image_has_the_size_asked_for(handler: ModuleType, width: int, height: int) -> None:
    answer = await run(handler, width=width, height=height, seed=1)
    assert (answer["width"], answer["height"]) == image(answer).size == (width, height)


async def test_the_same_seed_repeats_the_image_and_another_changes_it(handler: ModuleType) -> None:
    first, again, other = [image(await run(handler, seed=seed, width=128, height=128)) for seed in (7, 7, 8)]
    assert first.tobytes() == again.tobytes() != other.tobytes()


async def test_a_seed_that_was_drawn_can_be_sent_again(handler: ModuleType) -> None:
    # Seeds above 2**32 are refused; eight random ones of 53 bits would all but surely be.
    for seed in [(await run(handler, width=64, height=64))["seed"] for _ in range(8)]:
        assert (await run(handler, width=64, height=64, seed=seed))["seed"] == seed


@pytest.mark.parametrize(
    ("job_input", "field"),
    [({"width": 63}, "width"), ({"height": 2049}, "height"), ({"steps": 0}, "steps"), ({"seed": 2**32}, "seed")],
)
async def test_what_the_server_would_let_through_is_refused(
    handler: ModuleType, simulator: Simulator, job_input: dict[str, object], field: str
) -> None:
    before = simulator.prompts_received
    error = failure(await run(handler, **job_input))
    assert error["code"] == "invalid_input"
    assert field in str(error["message"])
    assert simulator.prompts_received == before
