"""A job that RunPod's queue delivers twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from comfy2runpod_runtime.job.redelivery import RedeliveryCache


class Runs:
    """A handler whose jobs end when they are told to."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.go = asyncio.Event()
        self.answer: dict[str, Any] = {"image": "…"}

    async def __call__(self, job: Any) -> Any:
        self.ids.append(job["id"])
        await self.go.wait()
        return dict(self.answer)


async def test_while_it_runs_the_second_waits_for_the_first() -> None:
    cache, runs = RedeliveryCache(), Runs()
    job = {"id": "a", "input": {"prompt": "x"}}
    both = asyncio.gather(cache.run_once(job, runs), cache.run_once(dict(job), runs))
    await asyncio.sleep(0)
    runs.go.set()
    assert await both == [{"image": "…"}, {"image": "…"}]
    assert runs.ids == ["a"]


async def test_after_a_failure_it_is_run_again() -> None:
    cache, runs = RedeliveryCache(), Runs()
    runs.go.set()
    runs.answer = {"error": "{}"}
    job = {"id": "a", "input": {}}
    assert await cache.run_once(job, runs) == {"error": "{}"}
    runs.answer = {"image": "…"}
    assert await cache.run_once(job, runs) == {"image": "…"}
    assert runs.ids == ["a", "a"]


async def test_a_cancelled_first_leaves_the_second_to_run() -> None:
    cache, runs = RedeliveryCache(), Runs()
    job = {"id": "a", "input": {}}
    first = asyncio.create_task(cache.run_once(job, runs))
    await asyncio.sleep(0)
    second = asyncio.create_task(cache.run_once(job, runs))
    await asyncio.sleep(0)
    first.cancel()
    runs.go.set()
    assert await second == {"image": "…"}
    with pytest.raises(asyncio.CancelledError):
        await first
    assert runs.ids == ["a", "a"]


async def test_the_same_id_with_another_input_is_another_job_and_few_answers_are_kept() -> None:
    cache, runs = RedeliveryCache(), Runs()
    runs.go.set()
    await cache.run_once({"id": "a", "input": 1}, runs)
    await cache.run_once({"id": "a", "input": 2}, runs)
    assert runs.ids == ["a", "a"]
    for name in "bcdefg":
        await cache.run_once({"id": name, "input": 1}, runs)
    assert len(cache._answers) == 2


async def test_what_the_sdk_takes_out_of_an_answer_is_there_the_next_time() -> None:
    cache, runs = RedeliveryCache(), Runs()
    runs.go.set()
    job = {"id": "a", "input": {}}
    (await cache.run_once(job, runs)).clear()
    assert await cache.run_once(job, runs) == {"image": "…"}
