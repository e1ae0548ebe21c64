"""The generated handler of T2V_LTX2 on the simulator: what good and bad inputs give."""

from __future__ import annotations

import base64
import hashlib
import math
from types import ModuleType

import pytest

from comfy2runpod.simulator import Simulator
from comfy2runpod_runtime.delivery.job_delivery import DeliveryFactory

from .conftest import failure, measure


async def run(handler: ModuleType, **job_input: object) -> dict[str, object]:
    answer: dict[str, object] = await handler.handler({"id": "job-1", "input": job_input})
    return answer


@pytest.mark.parametrize(
    ("width", "height", "frame_count"),
    [
        (1280, 720, 121), (640, 480, 25), (64, 64, 9), (66, 64, 9), (126, 130, 9), (960, 544, 25), (544, 960, 17),
        (1920, 1080, 9), (1080, 1920, 9), (256, 254, 257), (320, 180, 33), (700, 500, 41),
    ],
)  # fmt: skip
async def test_the_caller_gets_the_size_and_length_asked_for(
    handler: ModuleType, width: int, height: int, frame_count: int
) -> None:
    answer = await run(handler, prompt="a cat", width=width, height=height, frame_count=frame_count, seed=1)
    whole = base64.b64decode(str(answer["video"]))
    video = measure(str(answer.pop("video")))
    assert answer.pop("prompt_id")
    seconds = round(frame_count / 24, 2)
    assert answer == {
        "width": width, "height": height, "frame_count": frame_count, "duration_seconds": seconds, "seed": 1,
        "media_type": "video/mp4", "bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest(),
    }  # fmt: skip
    assert (video.width, video.height, video.frames, video.rate) == (width, height, frame_count, 24)
    assert video.sound_seconds == pytest.approx(frame_count / 24, abs=0.1)


async def test_defaults_are_the_documented_ones(handler: ModuleType) -> None:
    answer = await run(handler, prompt="a cat")
    assert (answer["width"], answer["height"], answer["frame_count"], answer["duration_seconds"]) == (
        1280,
        720,
        121,
        5.04,
    )


SMALL = {"prompt": "a cat", "width": 128, "height": 128, "frame_count": 9}


async def test_a_seed_omitted_or_null_is_drawn_and_returned(handler: ModuleType) -> None:
    seeds = {(await run(handler, **SMALL))["seed"], (await run(handler, **SMALL, seed=None))["seed"]}
    assert len(seeds) == 2
    assert all(isinstance(seed, int) and 0 <= seed < 2**53 for seed in seeds)


async def test_0_is_a_seed_like_any_other(handler: ModuleType) -> None:
    assert (await run(handler, **SMALL, seed=0))["seed"] == 0


async def test_the_same_seed_repeats_the_frames_and_another_changes_them(handler: ModuleType) -> None:
    first, again, other = [measure(str((await run(handler, **SMALL, seed=seed))["video"])) for seed in (5, 5, 6)]
    assert first.pixels == again.pixels
    assert first.pixels != other.pixels


BAD = [
    ({}, "prompt", "is required"),
    ({"prompt": ""}, "prompt", "must not be empty"),
    ({"prompt": "x" * 4001}, "prompt", "must have at most 4,000 characters, not 4,001"),
    ({"prompt": "x" * 1_000_000}, "prompt", "must have at most 4,000 characters, not 1,000,000"),
    ({"prompt": 7}, "prompt", "must be a text, not 7"),
    ({"prompt": None}, "prompt", "must be a text, not null"),
    ({"prompt": ["a"]}, "prompt", "must be a text, not an array"),
    ({"prompt": {"text": "a"}}, "prompt", "must be a text, not an object"),
    ({"prompt": "a", "negative_prompt": 1}, "negative_prompt", "must be a text"),
    ({"prompt": "a", "width": "640"}, "width", "must be an integer, not the text '640'"),
    ({"prompt": "a", "width": 640.5}, "width", "must be an integer, not the number 640.5"),
    ({"prompt": "a", "width": math.nan}, "width", "must be an integer, not nan"),
    ({"prompt": "a", "width": math.inf}, "width", "must be an integer, not inf"),
    ({"prompt": "a", "width": True}, "width", "must be an integer, not the boolean true"),
    ({"prompt": "a", "width": 62}, "width", "must be from 64 to 1920, not 62"),
    ({"prompt": "a", "width": 641}, "width", "the nearest to 641 are 640 and 642"),
    ({"prompt": "a", "height": 1922}, "height", "must be from 64 to 1920, not 1922"),
    ({"prompt": "a", "height": 10**400}, "height", "must be from 64 to 1920, not a number of over 30 digits"),
    ({"prompt": "a", "height": {}}, "height", "must be an integer, not an object"),
    ({"prompt": "a", "frame_count": 120}, "frame_count", "must be 8·n + 1; the nearest to 120 are 113 and 121"),
    ({"prompt": "a", "frame_count": 256}, "frame_count", "the nearest to 256 are 249 and 257"),
    ({"prompt": "a", "frame_count": 0}, "frame_count", "must be from 9 to 257, not 0"),
    ({"prompt": "a", "frame_count": None}, "frame_count", "must be an integer, not null"),
    ({"prompt": "a", "seed": -1}, "seed", "must be from 0 to 18446744073709551615, not -1"),
    ({"prompt": "a", "seed": 2**64}, "seed", "must be from 0 to 18446744073709551615, not 1844"),
    ({"prompt": "a", "seed": "0"}, "seed", "must be an integer"),
    ({"prompt": "a", "noise_seed": 1}, "noise_seed", "did you mean seed?"),
    ({"prompt": "a", "Width": 640}, "Width", "did you mean width?"),
    ({"prompt": "a", "zzz": 640}, "zzz", "the fields are prompt, negative_prompt"),
]


@pytest.mark.parametrize(
    ("job_input", "field", "message"), BAD, ids=[f"{index}-{case[1]}" for index, case in enumerate(BAD)]
)
async def test_a_bad_input_is_refused_with_its_field_and_nothing_is_queued(
    handler: ModuleType, simulator: Simulator, job_input: dict[str, object], field: str, message: str
) -> None:
    before = simulator.prompts_received
    error = failure(await run(handler, **job_input))
    assert error["code"] == "invalid_input"
    details = error["details"]
    assert isinstance(details, list)
    assert [d["field"] for d in details] == [field]
    assert message in details[0]["message"]
    assert len(str(error)) < 2000
    assert simulator.prompts_received == before


@pytest.mark.parametrize("job_input", [None, [], "a cat", 7, True])
async def test_an_input_that_is_not_an_object_is_refused(handler: ModuleType, job_input: object) -> None:
    error = failure(await handler.handler({"id": "job-1", "input": job_input}))
    assert error["code"] == "invalid_input"


async def test_all_faults_are_named_at_once(handler: ModuleType) -> None:
    error = failure(await run(handler, prompt="", width=1, frame_count=2))
    details = error["details"]
    assert isinstance(details, list)
    assert [detail["field"] for detail in details] == ["prompt", "width", "frame_count"]


async def test_a_prompt_that_comfyui_refuses_names_the_node(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = handler.endpoint._package.template.copy()
    prompt["92:47"]["inputs"]["cfg"] = 1000
    monkeypatch.setattr(handler.endpoint._package.template, "copy", lambda: prompt)
    error = failure(await run(handler, **SMALL))
    assert error["code"] == "comfyui_error"
    assert "CFGGuider (node 92:47)" in str(error["message"])
    assert "bigger than max" in str(error["message"])


async def test_a_result_too_large_to_answer_says_so(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = handler.endpoint._settings.model_copy(update={"max_inline_bytes": 1000})
    monkeypatch.setattr(handler.endpoint._runner, "_deliveries", DeliveryFactory(settings))
    error = failure(await run(handler, **SMALL))
    assert error["code"] == "output_too_large"
    assert "the answer can carry 1,000" in str(error["message"])


async def test_a_comfyui_that_is_not_there_is_reported_as_unavailable(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = handler.endpoint._settings.model_copy(update={"comfyui_url": "http://127.0.0.1:9"})
    monkeypatch.setattr(handler.endpoint._comfyui, "_settings", settings)
    assert failure(await run(handler, **SMALL))["code"] == "comfyui_unavailable"
