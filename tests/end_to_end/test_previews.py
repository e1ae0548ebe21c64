"""Previews from a package's own handler before the simulator: asked for, or what it was started with."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator import Simulator
from comfy2runpod.simulator.server import running_simulator
from tests.handlers import GENERATED, Handlers


@pytest.fixture(scope="module")
def slow() -> Iterator[Simulator]:
    with running_simulator(load_catalog(), seconds_per_step=0.05) as simulator:
        yield simulator


@pytest.fixture
def handlers(slow: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handlers]:
    made = Handlers(slow, monkeypatch)
    yield made
    made.forget()


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_the_samplers_steps_are_shown_if_the_endpoint_says_so(handlers: Handlers, seconds: float) -> None:
    endpoint = handlers("t2i_klein_4b", PREVIEW_SECONDS=seconds, PROGRESS_SECONDS=0).endpoint
    told: list[dict[str, Any]] = []
    endpoint.on_progress(told.append)
    asked = json.loads((GENERATED / "t2i_klein_4b" / "test_input.json").read_text())["input"]
    answer = await endpoint.handle({"id": "job-1", "input": asked})
    assert "error" not in answer, answer
    shown = {update["preview"] for update in told if "preview" in update}
    assert bool(shown) == bool(seconds)
    for text in shown:
        with Image.open(io.BytesIO(base64.b64decode(text))) as image:
            assert (image.format, image.size) == ("JPEG", (256, 256))
