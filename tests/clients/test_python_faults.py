"""The generated Python clients against a stand-in for RunPod with every known kind of failure."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from comfy2runpod_contract.faults import FAULTS, FaultFacts
from tests.standins.runpod_queue import Answer, RunPodQueue
from tests.standins.serving import free_port

from .samples import COMPLETED, DONE, PREVIEW, QUEUED, REFUSED_IMAGES, REQUEST, RUNNING, image


def options(module: ModuleType, **changes: Any) -> Any:
    fast = {"request_seconds": 2.0, "call_seconds": 20.0, "poll_seconds": (0.01, 0.05), "retry_seconds": 2.0}
    return module.Options(**{**fast, **changes})


def run_sync(module: ModuleType, url: str, request: Any, settings: Any, **more: Any) -> Any:
    with module.Client(url, "key", settings) as client:
        return client.run(request, **more)


def run_async(module: ModuleType, url: str, request: Any, settings: Any, **more: Any) -> Any:
    async def call() -> Any:
        async with module.AsyncClient(url, "key", settings) as client:
            return await client.run(request, **more)

    return asyncio.run(call())


Run = Callable[..., Any]
both = pytest.mark.parametrize("run", [run_sync, run_async], ids=["sync", "async"])


@both
def test_a_job_is_queued_with_the_key_polled_and_its_result_downloaded(
    run: Run, video: ModuleType, server: RunPodQueue
) -> None:
    server.answers(run=[QUEUED], status=[QUEUED, RUNNING, RUNNING, COMPLETED])
    told: list[Any] = []
    assert run(video, server.url, REQUEST, options(video), on_progress=told.append) == DONE
    assert json.loads(server.seen[0].body) == {"input": REQUEST}
    assert all(one.headers["Authorization"] == "Bearer key" for one in server.seen)
    # Told once, though it was seen twice.
    assert [(one.state, one.percent, one.node) for one in told] == [
        ("IN_QUEUE", None, None),
        ("IN_PROGRESS", 40.0, "sampler"),
    ]
    assert [one.preview for one in told] == [None, base64.b64decode(PREVIEW)]


@both
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401), "Unauthorized"),
        (Answer(403), "Unauthorized"),
        (Answer(404), "EndpointNotFound"),
        (Answer(429), "RateLimited"),
        (Answer(429, headers={"Retry-After": "3600"}), "RateLimited"),
        (Answer(500), "SubmissionUnknown"),
        (Answer(502), "SubmissionUnknown"),
        (Answer(drop=True), "SubmissionUnknown"),
        (Answer(400, "bad"), "InputRefused"),
        (Answer(413, "large"), "InputRefused"),
        (Answer(418), "UnexpectedAnswer"),
        (Answer(200, b"<html>"), "UnexpectedAnswer"),
        (Answer(200, {"no": "id"}), "UnexpectedAnswer"),
    ],
)
def test_a_submission_that_may_have_been_taken_is_never_sent_again(
    run: Run, video: ModuleType, server: RunPodQueue, answer: Answer, error: str
) -> None:
    server.answers(run=[answer])
    with pytest.raises(getattr(video.errors, error)):
        run(video, server.url, REQUEST, options(video))
    assert server.count("run") == 1


@both
def test_what_a_server_says_of_an_endpoint_that_is_none_is_told(
    run: Run, video: ModuleType, server: RunPodQueue
) -> None:
    server.answers(run=[Answer(404, {"error": "The endpoints are: /v2/mine"})])
    with pytest.raises(video.errors.EndpointNotFound, match=r"no such endpoint: .*The endpoints are: /v2/mine"):
        run(video, server.url, REQUEST, options(video))


@both
def test_429_with_retry_after_is_waited_for(run: Run, video: ModuleType, server: RunPodQueue) -> None:
    server.answers(run=[Answer(429, headers={"Retry-After": "1"}), QUEUED], status=[COMPLETED])
    started = time.monotonic()
    assert run(video, server.url, REQUEST, options(video)) == DONE
    assert time.monotonic() - started >= 1.0
    assert server.count("run") == 2


@both
def test_a_missing_connection_is_retried_and_then_reported(run: Run, video: ModuleType) -> None:
    with pytest.raises(video.errors.Unreachable, match="no connection"):
        run(video, f"http://127.0.0.1:{free_port()}", REQUEST, options(video, retries=1))


@both
@pytest.mark.parametrize("fault", [Answer(500), Answer(503), Answer(drop=True), Answer(429)])
def test_a_burst_of_faults_while_polling_is_survived(
    run: Run, video: ModuleType, server: RunPodQueue, fault: Answer
) -> None:
    server.answers(run=[QUEUED], status=[fault, fault, COMPLETED])
    assert run(video, server.url, REQUEST, options(video)) == DONE
    assert server.count("run") == 1


@both
def test_faults_without_an_end_are_reported_with_the_jobs_id_and_the_job_is_stopped(
    run: Run, video: ModuleType, server: RunPodQueue
) -> None:
    server.answers(run=[QUEUED], status=[Answer(503)], cancel=[QUEUED])
    with pytest.raises(video.errors.Unreachable, match="503") as caught:
        run(video, server.url, REQUEST, options(video, retries=2))
    assert caught.value.job_id == "j1"
    assert server.count("status") == 3
    assert server.count("cancel") == 1


@both
@pytest.mark.parametrize("vanished", [Answer(404), Answer(body={"id": "j1", "status": "COMPLETED"})])
def test_a_result_that_vanishes_is_polled_for_again_and_then_reported(
    run: Run, video: ModuleType, server: RunPodQueue, vanished: Answer
) -> None:
    server.answers(run=[QUEUED], status=[vanished, COMPLETED])
    assert run(video, server.url, REQUEST, options(video)) == DONE
    server.answers(run=[QUEUED], status=[vanished], cancel=[QUEUED])
    with pytest.raises(video.errors.ResultGone):
        run(video, server.url, REQUEST, options(video))


@both
def test_progress_that_comes_after_the_result_is_not_taken_for_it(
    run: Run, video: ModuleType, server: RunPodQueue
) -> None:
    late = Answer(body={"id": "j1", "status": "COMPLETED", "output": {"node": "save", "percent": 99}})
    server.answers(run=[QUEUED], status=[late, late, COMPLETED])
    assert run(video, server.url, REQUEST, options(video)) == DONE


@both
def test_no_end_in_time_stops_the_job(run: Run, video: ModuleType, server: RunPodQueue) -> None:
    server.answers(run=[QUEUED], status=[RUNNING], cancel=[QUEUED])
    started = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        run(video, server.url, REQUEST, options(video), timeout_seconds=0.4)
    assert isinstance(caught.value, video.errors.CallTimeout)
    assert time.monotonic() - started < 3
    assert server.count("cancel") == 1


@both
def test_a_server_that_does_not_answer_is_left_after_the_requests_time(
    run: Run, video: ModuleType, server: RunPodQueue
) -> None:
    server.answers(run=[Answer(seconds=5)])
    with pytest.raises(video.errors.SubmissionUnknown, match="Timeout"):
        run(video, server.url, REQUEST, options(video, request_seconds=0.3))


@both
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code)
def test_a_failed_job_is_an_exception_of_its_codes_own_class(
    run: Run, video: ModuleType, server: RunPodQueue, fault: FaultFacts
) -> None:
    details = [{"field": "width", "message": "too small"}, {"output": "video", "message": "broken"}]
    error = json.dumps({"code": fault.code, "message": "why", "details": details})
    server.answers(run=[QUEUED], status=[Answer(body={"id": "j1", "status": "FAILED", "error": error})])
    with pytest.raises(video.errors.JobFailed) as caught:
        run(video, server.url, REQUEST, options(video))
    assert (type(caught.value).__name__, caught.value.retryable) == (fault.name, fault.retryable)
    assert (caught.value.code, caught.value.message, caught.value.job_id) == (fault.code, "why", "j1")
    assert [(one.field, one.output) for one in caught.value.details] == [("width", None), (None, "video")]
    assert server.count("cancel") == 0


@pytest.mark.parametrize(
    ("job", "kind", "code"),
    [
        ({"status": "FAILED", "error": json.dumps({"code": "new_one", "message": "m"})}, "JobFailed", "new_one"),
        ({"status": "FAILED", "error": "Traceback (most recent call last)"}, "JobFailed", "failed"),
        ({"status": "FAILED"}, "JobFailed", "failed"),
        ({"status": "FAILED", "error": {"code": "timeout", "message": "m"}}, "JobTimeout", "timeout"),
        ({"status": "CANCELLED"}, "JobCancelled", "cancelled"),
        ({"status": "TIMED_OUT"}, "JobTimeout", "timeout"),
    ],
)
def test_ends_in_words_of_runpods_own(
    video: ModuleType, server: RunPodQueue, job: dict[str, object], kind: str, code: str
) -> None:
    server.answers(run=[QUEUED], status=[Answer(body=job)])
    with pytest.raises(video.errors.JobFailed) as caught:
        run_sync(video, server.url, REQUEST, options(video))
    assert (type(caught.value).__name__, caught.value.code) == (kind, code)


def test_an_async_call_that_is_cancelled_stops_its_job(video: ModuleType, server: RunPodQueue) -> None:
    server.answers(run=[QUEUED], status=[RUNNING], cancel=[QUEUED])

    async def call() -> None:
        async with video.AsyncClient(server.url, "key", options(video)) as client:
            task = asyncio.create_task(client.run(REQUEST))
            while not server.count("status"):
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(call())
    assert server.count("cancel") == 1


@both
@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "webp-lossless"])
@pytest.mark.parametrize("given", ["path", "bytes", "base64", "data"])
def test_an_image_is_taken_as_path_bytes_or_text(
    run: Run, edit: ModuleType, server: RunPodQueue, tmp_path: Path, form: str, given: str
) -> None:
    data = image(form)
    (tmp_path / "cat").write_bytes(data)
    text = base64.b64encode(data).decode()
    value = {"path": tmp_path / "cat", "bytes": data, "base64": text, "data": f"data:image/png;base64,{text}"}[given]
    server.answers(run=[QUEUED], status=[COMPLETED])
    run(edit, server.url, {"image": value, "prompt": "p"}, options(edit))
    sent = json.loads(server.seen[0].body)["input"]["image"]
    assert base64.b64decode(sent.rpartition(",")[2]) == data


@pytest.mark.parametrize(("value", "kind", "reason"), REFUSED_IMAGES, ids=range(len(REFUSED_IMAGES)))
def test_an_image_that_the_endpoint_would_not_take_is_not_sent(
    edit: ModuleType, server: RunPodQueue, value: object, kind: str, reason: str
) -> None:
    server.answers(run=[QUEUED], status=[COMPLETED])
    with pytest.raises(getattr(edit.errors, kind), match=re.escape(reason)) as caught:
        run_sync(edit, server.url, {"image": value, "prompt": "p"}, options(edit))
    assert caught.value.job_id is None
    assert server.seen == []


def save_sync(module: ModuleType, output: Any, folder: Path) -> Any:
    with module.Client("http://127.0.0.1:9", "key", options(module, retries=1)) as client:
        return client.save(output, folder)


def save_async(module: ModuleType, output: Any, folder: Path) -> Any:
    async def call() -> Any:
        async with module.AsyncClient("http://127.0.0.1:9", "key", options(module, retries=1)) as client:
            return await client.save(output, folder)

    return asyncio.run(call())


both_save = pytest.mark.parametrize("save", [save_sync, save_async], ids=["sync", "async"])
FILE = bytes(range(256)) * 500
MEASURED = {
    "media_type": "video/webm",
    "bytes": len(FILE),
    "sha256": hashlib.sha256(FILE).hexdigest(),
    "prompt_id": "p",
}


@both_save
def test_media_are_saved_from_base64_and_from_addresses(
    save: Run, video: ModuleType, server: RunPodQueue, tmp_path: Path
) -> None:
    assert save(video, DONE, tmp_path / "old") == {"video": [tmp_path / "old" / "video.mp4"]}
    inline = {"video": base64.b64encode(FILE).decode(), **MEASURED}
    assert save(video, inline, tmp_path / "a") == {"video": [tmp_path / "a" / "video.webm"]}
    server.answers(file=[Answer(503), Answer(body=FILE)])
    save(video, {"url": f"{server.url}/file/1", **MEASURED}, tmp_path / "b")
    assert (tmp_path / "a" / "video.webm").read_bytes() == (tmp_path / "b" / "video.webm").read_bytes() == FILE
    # The key is RunPod's, not the store's.
    assert all("Authorization" not in one.headers for one in server.seen)


@both_save
@pytest.mark.parametrize("wrong", ["sha256", "longer", "shorter", "gone", "base64", "scheme", "cut"])
def test_media_that_are_not_the_workers_are_refused_and_nothing_is_left(
    save: Run, video: ModuleType, server: RunPodQueue, tmp_path: Path, wrong: str
) -> None:
    answer: dict[str, object] = {"url": f"{server.url}/file/1?signature=s3cret", **MEASURED}
    server.answers(file=[Answer(body=FILE)])
    match wrong:
        case "sha256":
            answer["sha256"] = "0" * 64
        case "longer":
            answer["bytes"] = len(FILE) - 1
        case "shorter":
            answer["bytes"] = len(FILE) + 1
        case "gone":
            server.answers(file=[Answer(403)])
        case "base64":
            answer = {"video": "%%%", **MEASURED}
        case "scheme":
            answer["url"] = "file:///etc/passwd"
        case "cut":
            server.answers(file=[Answer(drop=True)])
    with pytest.raises(video.errors.MediaBroken) as caught:
        save(video, answer, tmp_path)
    assert "s3cret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
