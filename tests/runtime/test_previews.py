"""Previews in progress updates: small, seldom, none unless the endpoint sends them, and none after the answer."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from comfy2runpod_contract.messages import PREVIEW_BYTES, PREVIEW_SIDE
from tests.patience import HANG_SECONDS
from tests.standins.comfyui import ComfyUI
from tests.standins.runpod_queue import RunPodQueue

from .conftest import Load
from .test_sdk import worker

ASK = {"prompt": "a cat", "frame_count": 25, "seed": 7}


def encoded(form: str = "JPEG", size: tuple[int, int] = (512, 384), **how: Any) -> bytes:
    noise = np.random.default_rng(5).integers(0, 255, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize(size).save(file, form, **how)
    return file.getvalue()


def plain(image: bytes, form: int = 1) -> str:
    """PREVIEW_IMAGE, as ComfyUI's server encodes it."""
    return base64.b64encode(struct.pack(">II", 1, form) + image).decode()


def named(image: bytes, prompt_id: str, more: str = "") -> str:
    """PREVIEW_IMAGE_WITH_METADATA."""
    text = json.dumps({"node_id": "7:5", "prompt_id": prompt_id, "image_type": "image/jpeg", "more": more}).encode()
    return base64.b64encode(struct.pack(">II", 4, len(text)) + text + image).decode()


async def updates(load: Load, comfyui: ComfyUI, frames: list[str], **environment: object) -> list[dict[str, Any]]:
    """The progress updates of a job in which a step of a node sends each of the frames."""
    comfyui.behave(previews=frames, steps=len(frames) + 2, seconds=0.02 * len(frames) + 0.1)
    endpoint = load(COMFYUI_URL=comfyui.url, PROGRESS_SECONDS=0, **environment)
    told: list[dict[str, Any]] = []
    endpoint.on_progress(told.append)
    answer = await endpoint.handle({"id": "job-1", "input": ASK})
    assert "video" in answer, answer
    return [update for update in told if "node" in update]


def shown(update: dict[str, Any]) -> Image.Image:
    content = base64.b64decode(update["preview"], validate=True)
    assert len(content) <= PREVIEW_BYTES
    image = Image.open(io.BytesIO(content))
    image.load()
    assert image.format == "JPEG"
    assert max(image.size) <= PREVIEW_SIDE
    return image


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
async def test_a_preview_is_made_small(load: Load, comfyui: ComfyUI, form: str) -> None:
    told = await updates(load, comfyui, [plain(encoded(form))], PREVIEW_SECONDS=0.001)
    images = [shown(update) for update in told if "preview" in update]
    assert {image.size for image in images} == {(256, 192)}
    assert all({"node", "percent"} <= update.keys() for update in told)


async def test_none_is_sent_unless_the_endpoint_sends_them(load: Load, comfyui: ComfyUI) -> None:
    told = await updates(load, comfyui, [plain(encoded())])
    assert told
    assert not any("preview" in update for update in told)


async def test_one_that_names_another_prompt_is_not_shown(load: Load, comfyui: ComfyUI) -> None:
    told = await updates(load, comfyui, [named(encoded(), "another")], PREVIEW_SECONDS=0.001)
    assert not any("preview" in update for update in told)


async def test_they_are_seldom(load: Load, comfyui: ComfyUI) -> None:
    frames = [plain(encoded(size=(256, 8 * count))) for count in range(1, 9)]
    told = await updates(load, comfyui, frames, PREVIEW_SECONDS=600)
    assert len({update["preview"] for update in told if "preview" in update}) == 1


def bomb() -> bytes:
    file = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(file, "PNG")
    return file.getvalue()


HOSTILE: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "one byte": lambda: base64.b64encode(b"\0").decode(),
    "a header alone": lambda: plain(b""),
    "no image": lambda: plain(b"<html>502</html>" * 10),
    "half an image": lambda: plain(encoded()[:900]),
    "another event": lambda: base64.b64encode(struct.pack(">II", 3, 4) + b"7:5 text").decode(),
    "an event that is not known": lambda: base64.b64encode(struct.pack(">II", 2**32 - 1, 0) + encoded()).decode(),
    "metadata beyond the end": lambda: base64.b64encode(struct.pack(">II", 4, 2**31) + encoded()).decode(),
    "metadata that is no JSON": lambda: base64.b64encode(struct.pack(">II", 4, 4) + b"nope" + encoded()).decode(),
    "metadata that is a list": lambda: base64.b64encode(struct.pack(">II", 4, 2) + b"[]" + encoded()).decode(),
    "metadata that is deep": lambda: base64.b64encode(struct.pack(">II", 4, 9000) + b"[" * 9000 + encoded()).decode(),
    "long metadata": lambda: named(encoded(), "another", "x" * 20_000),
    "a large frame": lambda: plain(encoded() + b"\0" * 3_000_000),
    "an image of 900 megapixels": lambda: plain(bomb(), 2),
    "a format of its own": lambda: plain(encoded("GIF")),
    "many scans": lambda: plain(encoded() + b"\xff\xda" * 100),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_frame_costs_nothing_and_the_next_is_shown(load: Load, comfyui: ComfyUI, name: str) -> None:
    told = await updates(load, comfyui, [HOSTILE[name](), plain(encoded())], PREVIEW_SECONDS=0.001)
    assert [shown(update).size for update in told if "preview" in update]


async def test_a_huge_message_ends_the_connection_and_not_the_job(load: Load, comfyui: ComfyUI) -> None:
    huge = base64.b64encode(b"\0" * 17_000_000).decode()
    await updates(load, comfyui, [huge], PREVIEW_SECONDS=0.001, POLL_SECONDS=0.2)
    assert comfyui.state.seen("connected")


async def test_none_comes_after_the_answer_in_the_real_worker_loop(comfyui: ComfyUI) -> None:
    comfyui.behave(previews=[plain(encoded())], steps=12, seconds=1.0)
    async with RunPodQueue(progress_seconds=0.1) as queue:
        queue.submit("good", ASK)
        environment = {**queue.environment(), "COMFYUI_URL": comfyui.url, "PROGRESS_SECONDS": 0.05}
        async with worker(**environment, PREVIEW_SECONDS=0.1) as process:
            result = await queue.result_of("good", HANG_SECONDS)
            assert "video" in result["output"]
            assert "preview" not in result["output"]
            assert any("preview" in update for _, update in queue.progress)
            await asyncio.sleep(0.5)
            assert process.returncode is None
            assert queue.late == []
