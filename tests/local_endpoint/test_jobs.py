"""The queue's rules of time and order, on a clock that the test advances."""

from __future__ import annotations

import socket
from dataclasses import replace

import httpx
import pytest

from comfy2runpod.local_endpoint.jobs import (
    MAX_KEPT_BYTES,
    MAX_QUEUED,
    MAX_QUEUED_BYTES,
    Jobs,
    QueueFull,
    Request,
)
from comfy2runpod.local_endpoint.webhooks import Webhooks, is_loopback
from comfy2runpod_contract.job_status import JobStatus


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def request(*, sync: bool = False, ttl: float | None = None, limit: float | None = None, low: bool = False) -> Request:
    return Request({}, {}, None, limit, ttl, low, sync)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(clock: Clock) -> Jobs:
    return Jobs(clock, execution_seconds=600)


@pytest.mark.parametrize(("sync", "kept"), [(False, 1800), (True, 60)])
def test_a_result_is_kept_as_long_as_runpod_keeps_it(jobs: Jobs, clock: Clock, sync: bool, kept: float) -> None:
    job = jobs.add(request(sync=sync))
    assert job.id.startswith("sync-") is sync
    jobs.take()
    jobs.finish(job.id, {"output": 1})
    clock.now += kept
    assert jobs.get(job.id) is job
    clock.now += 1
    assert jobs.get(job.id) is None


def test_large_results_are_forgotten_earlier_the_oldest_first(jobs: Jobs, clock: Clock) -> None:
    ended = []
    for _ in range(4):
        job = jobs.add(request())
        jobs.take()
        clock.now += 1
        jobs.finish(job.id, {"output": 1}, MAX_KEPT_BYTES // 3)
        ended.append(job)
    assert [jobs.get(job.id) is job for job in ended] == [False, True, True, True]
    # One that is larger than all that may be kept is there for whoever waits for it.
    job = jobs.add(request())
    jobs.take()
    clock.now += 1
    jobs.finish(job.id, {"output": 1}, 2 * MAX_KEPT_BYTES)
    assert jobs.get(job.id) is job
    assert jobs.get(ended[-1].id) is None


def test_only_what_can_be_retried_keeps_its_input(jobs: Jobs) -> None:
    jobs_ended = {}
    for state, result in ((JobStatus.COMPLETED, {"output": 1}), (JobStatus.FAILED, {"error": "no"})):
        job = jobs.add(replace(request(), input={"prompt": "a cat"}, size=100))
        jobs.take()
        jobs.finish(job.id, result)
        jobs_ended[state] = job
    assert jobs_ended[JobStatus.COMPLETED].request.input is None
    assert jobs_ended[JobStatus.FAILED].request.input == {"prompt": "a cat"}
    assert jobs.retry(jobs_ended[JobStatus.FAILED])


def test_no_more_bytes_wait_than_there_is_room_for(jobs: Jobs) -> None:
    jobs.add(replace(request(), size=MAX_QUEUED_BYTES - 10))
    with pytest.raises(QueueFull):
        jobs.add(replace(request(), size=11))
    jobs.add(replace(request(), size=10))


def test_a_job_is_dropped_after_its_time_to_live_and_the_worker_is_notified(jobs: Jobs, clock: Clock) -> None:
    waiting, running = jobs.add(request(ttl=10)), jobs.add(request(ttl=20))
    clock.now += 11
    assert jobs.get(waiting.id) is None
    assert jobs.take() is running
    clock.now += 10
    assert jobs.get(running.id) is None
    assert jobs.to_stop() == [running.id]
    jobs.finish(running.id, {"output": 1})


def test_a_job_that_runs_too_long_is_timed_out_and_can_be_tried_again(jobs: Jobs, clock: Clock) -> None:
    job = jobs.add(request(limit=5))
    jobs.take()
    clock.now += 6
    assert jobs.get(job.id).state is JobStatus.TIMED_OUT
    assert jobs.to_stop() == [job.id]
    assert jobs.to_stop() == []
    assert jobs.retry(job)
    assert jobs.take() is job
    jobs.finish(job.id, {"output": 2})
    assert job.to_json() == {
        "id": job.id, "status": "COMPLETED", "delayTime": 0, "executionTime": 0, "output": 2,
    }  # fmt: skip
    assert not jobs.retry(job)


def test_the_endpoints_own_limit_counts_where_the_request_has_none(jobs: Jobs, clock: Clock) -> None:
    job = jobs.add(request())
    jobs.take()
    clock.now += 601
    assert jobs.get(job.id).state is JobStatus.TIMED_OUT


def test_low_priority_waits_behind_all_others(jobs: Jobs) -> None:
    low, first, second = jobs.add(request(low=True)), jobs.add(request()), jobs.add(request())
    assert [jobs.take(), jobs.take(), jobs.take(), jobs.take()] == [first, second, low, None]


def test_progress_after_the_result_or_of_a_cancelled_job_changes_nothing(jobs: Jobs) -> None:
    job, cancelled = jobs.add(request()), jobs.add(request())
    jobs.take()
    jobs.progress(job.id, {"percent": 5})
    assert job.to_json()["output"] == {"percent": 5}
    jobs.finish(job.id, {"output": "result"})
    jobs.progress(job.id, {"percent": 6})
    assert job.to_json()["output"] == "result"
    jobs.take()
    jobs.cancel(cancelled)
    jobs.finish(cancelled.id, {"output": "late"})
    assert cancelled.state is JobStatus.CANCELLED
    assert "output" not in cancelled.to_json()


def test_too_many_waiting_jobs_are_refused(jobs: Jobs) -> None:
    for _ in range(MAX_QUEUED):
        jobs.add(request())
    with pytest.raises(QueueFull):
        jobs.add(request())
    assert jobs.purge() == MAX_QUEUED
    jobs.add(request())


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:9/x", True),
        ("http://localhost/x", True),
        ("http://[::1]:8000/", True),
        ("https://example.com/", False),
        ("http://127.0.0.1.evil.example/", False),
        ("file:///etc/passwd", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_which_webhooks_are_called(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback


@pytest.mark.parametrize("url", ["http://127.0.0.1:{closed}/", "http://[::1]:{closed}/", "http://127.0.0.1:0/"])
@pytest.mark.parametrize("fault", [None, OverflowError("port"), RuntimeError("of a library")])
async def test_a_webhook_that_cannot_be_called_is_a_line(
    url: str, fault: Exception | None, jobs: Jobs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object, **__: object) -> None:
        assert fault is not None
        raise fault

    if fault is not None:
        monkeypatch.setattr(httpx.AsyncClient, "post", fails)
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    webhooks = Webhooks(retry_seconds=0.0)
    job = jobs.add(replace(request(), webhook=url.format(closed=closed)))
    webhooks.job_ended(job)
    (call,) = webhooks._calls
    await call
    (line,) = [record for record in caplog.records if record.name == "comfy2runpod.serve"]
    assert line.getMessage().startswith(f"{job.id}: its webhook c")
    assert line.exc_info is None
