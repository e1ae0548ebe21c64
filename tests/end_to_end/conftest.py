"""The reference package's own handler, on the simulator."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from types import ModuleType
from typing import Any

import av
import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator import Simulator, running_simulator
from tests.handlers import Handlers, noted_prompts


@dataclass(frozen=True)
class Measured:
    width: int
    height: int
    frames: int
    rate: float
    sound_seconds: float
    pixels: bytes


def measure(text: str) -> Measured:
    """What PyAV says of a base64 video after decoding all of it."""
    with av.open(BytesIO(base64.b64decode(text))) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video)]
        rate = float(video.average_rate or 0)
    with av.open(BytesIO(base64.b64decode(text))) as container:
        samples = sum(frame.samples for frame in container.decode(container.streams.audio[0]))
    height, width = frames[0].shape
    return Measured(width, height, len(frames), rate, samples / sound.rate, b"".join(f.tobytes() for f in frames))


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with running_simulator(load_catalog()) as running:
        yield running


@pytest.fixture
def handler_of(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handlers]:
    yield Handlers(simulator, monkeypatch)
    Handlers.forget()


@pytest.fixture
def handler(handler_of: Handlers) -> ModuleType:
    """The handler of the package that most tests are about; others name their own."""
    return handler_of("t2v_ltx2")


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The prompts that ComfyUI is given."""
    return noted_prompts(monkeypatch)


def failure(answer: dict[str, object]) -> dict[str, object]:
    """The error that an answer holds."""
    assert set(answer) == {"error"}, answer
    return dict(json.loads(str(answer["error"])))
