"""Requests that the endpoint does not take: every fault is named, and nothing is queued."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.standins.comfyui import ComfyUI

from .conftest import Handle, error_of

FIELDS = "prompt, negative_prompt, width, height, frame_count, cfg, style, hd, seed, output"


def _id(value: object) -> str:
    if isinstance(value, int) and abs(value) >= 10**30:
        return "huge"
    return repr(value)[:40]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("prompt", "", "must not be empty"),
        ("prompt", "x" * 1_000_000, "must have at most 4,000 characters, not 1,000,000"),
        ("prompt", 5, "must be a text, not 5"),
        ("prompt", None, "must be a text, not null"),
        ("prompt", ["a cat"], "must be a text, not an array"),
        ("prompt", {"text": "a cat"}, "must be a text, not an object"),
        ("prompt", "half a pair: \ud83d", "must be whole Unicode text; it holds half of a surrogate pair"),
        ("width", "640", "must be an integer, not the text '640'"),
        ("width", 640.0, "must be an integer, not the number 640.0"),
        ("width", True, "must be an integer, not the boolean true"),
        ("width", None, "must be an integer, not null"),
        ("width", math.nan, "must be an integer, not nan"),
        ("width", 0, "must be from 64 to 1920, not 0"),
        ("width", -(10**5000), "must be from 64 to 1920, not a number of over 30 digits"),
        ("width", 10**5000, "must be from 64 to 1920, not a number of over 30 digits"),
        ("width", 1921, "must be from 64 to 1920, a multiple of 2, not 1921"),
        ("width", 641, "must be a multiple of 2; the nearest to 641 are 640 and 642"),
        ("frame_count", 120, "must be 8·n + 1; the nearest to 120 are 113 and 121"),
        ("frame_count", 10, "must be 8·n + 1; the nearest to 10 are 9 and 17"),
        ("frame_count", 256, "must be 8·n + 1; the nearest to 256 are 249 and 257"),
        ("frame_count", 8, "must be from 9 to 257, not 8"),
        ("cfg", math.inf, "must be a finite number, not inf"),
        ("cfg", math.nan, "must be a finite number, not nan"),
        ("cfg", 1e300, "must be from 1.0 to 30.0, not the number 1e+300"),
        ("cfg", "4", "must be a number, not the text '4'"),
        ("hd", 1, "must be a boolean, not 1"),
        ("hd", "true", "must be a boolean, not the text 'true'"),
        ("style", "oil", "must be one of 'plain', 'ink' or 'oil paint', not the text 'oil'; did you mean 'oil paint'?"),
        ("style", 3, "must be one of 'plain', 'ink' or 'oil paint', not 3"),
        ("seed", -1, "must be from 0 to 18446744073709551615, not -1"),
        ("seed", 2**64, "must be from 0 to 18446744073709551615, not 18446744073709551616"),
        ("seed", "7", "must be an integer, not the text '7'"),
        ("seed", 1.5, "must be an integer, not the number 1.5"),
        ("framecount", 9, "is not a field of this endpoint; did you mean frame_count?"),
        ("Width", 64, "is not a field of this endpoint; did you mean width?"),
        ("steps", 9, "is not a field of this endpoint; the fields are " + FIELDS),
    ],
    ids=_id,
)
async def test_a_bad_value_is_named_with_what_is_allowed(
    handle: Handle, comfyui: ComfyUI, field: str, value: object, message: str
) -> None:
    error = error_of(await handle({"prompt": "a cat", field: value}))
    assert error["code"] == "invalid_input"
    assert error["details"] == [{"field": field, "message": message}]
    assert message in error["message"]
    assert comfyui.requests == []


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "must be an object with the fields of this endpoint, not null"),
        ("a cat", "must be an object with the fields of this endpoint, not a text"),
        ([{"prompt": "a cat"}], "must be an object with the fields of this endpoint, not an array"),
        (5, "must be an object with the fields of this endpoint, not an integer"),
        (math.nan, "must be an object with the fields of this endpoint, not a number"),
    ],
)
async def test_an_input_that_is_not_an_object_is_refused(
    handle: Handle, comfyui: ComfyUI, raw: object, message: str
) -> None:
    error = error_of(await handle(raw))
    assert error["details"] == [{"field": "input", "message": message}]
    assert comfyui.requests == []


async def test_a_job_without_an_input_is_refused(load: Any, comfyui: ComfyUI) -> None:
    error = error_of(await load(COMFYUI_URL=comfyui.url).handle({"id": "job-1"}))
    assert error["code"] == "invalid_input"


async def test_all_faults_are_reported_together(handle: Handle, comfyui: ComfyUI) -> None:
    error = error_of(await handle({"width": 10, "frame_count": 12, "sed": 3}))
    assert [detail["field"] for detail in error["details"]] == ["prompt", "width", "frame_count", "sed"]
    assert comfyui.requests == []


async def test_an_answer_stays_small_whatever_was_sent(handle: Handle) -> None:
    many = {f"field {number} {'x' * 1000}": "y" * 1000 for number in range(5000)}
    answer = await handle({"prompt": "a cat", **many, "width": "z" * 1_000_000})
    assert len(answer["error"]) < 20_000
    assert error_of(answer)["details"][-1] == {"field": "input", "message": "has 4981 more faults"}


async def test_every_answer_can_be_sent_as_utf8_json(handle: Handle) -> None:
    # What the SDK does with an answer; an answer that fails here is lost, and the caller waits for ever.
    answer = await handle({"prompt": "\ud800", "\udfff": "\udfff", "style": "\ud800"})
    json.dumps(answer, ensure_ascii=False, allow_nan=False).encode("utf-8")
