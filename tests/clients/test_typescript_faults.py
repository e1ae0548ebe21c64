"""The generated TypeScript clients against a stand-in for RunPod with every known kind of failure."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from comfy2runpod_contract.faults import FAULTS, FaultFacts
from tests.standins.runpod_queue import Answer, RunPodQueue
from tests.standins.serving import free_port

from .node_tools import TypeScript
from .samples import COMPLETED, DONE, PREVIEW, QUEUED, REFUSED_IMAGES, REQUEST, RUNNING, image

VIDEO, EDIT, SMALL = "t2v_ltx2", "i2i_klein_9b", "t2i_klein_4b"


def run(typescript: TypeScript, server: RunPodQueue, **plan: Any) -> Any:
    return typescript.call(VIDEO, "run", server.url, **{"request": REQUEST, **plan})


def test_a_job_is_queued_with_the_key_polled_and_its_result_downloaded(
    typescript: TypeScript, server: RunPodQueue
) -> None:
    server.answers(run=[QUEUED], status=[QUEUED, RUNNING, RUNNING, COMPLETED])
    done = run(typescript, server)
    assert done["value"] == DONE
    assert json.loads(server.seen[0].body) == {"input": REQUEST}
    assert all(one.headers["Authorization"] == "Bearer key" for one in server.seen)
    # Told once, though it was seen twice.
    assert [(one["state"], one.get("percent"), one.get("node"), one["jobId"]) for one in done["told"]] == [
        ("IN_QUEUE", None, None, "j1"),
        ("IN_PROGRESS", 40, "sampler", "j1"),
    ]
    assert [one.get("preview") for one in done["told"]] == [None, PREVIEW]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(401), "Unauthorized"),
        (Answer(403), "Unauthorized"),
        (Answer(404), "EndpointNotFound"),
        (Answer(429), "RateLimited"),
        (Answer(429, headers={"Retry-After": "3600"}), "RateLimited"),
        (Answer(500), "SubmissionUnknown"),
        (Answer(503, headers={"Retry-After": "0"}), "SubmissionUnknown"),
        (Answer(drop=True), "SubmissionUnknown"),
        (Answer(400, "bad"), "InputRefused"),
        (Answer(413, "large"), "InputRefused"),
        (Answer(418), "UnexpectedAnswer"),
        (Answer(307, headers={"Location": "/elsewhere"}), "UnexpectedAnswer"),
        (Answer(200, b"<html>"), "UnexpectedAnswer"),
        (Answer(200, b'{"id": "j1"'), "UnexpectedAnswer"),
        (Answer(200, b"[" * 100_000), "UnexpectedAnswer"),
        (Answer(200, {"no": "id"}), "UnexpectedAnswer"),
    ],
)
def test_a_submission_that_may_have_been_taken_is_never_sent_again(
    typescript: TypeScript, server: RunPodQueue, answer: Answer, error: str
) -> None:
    server.answers(run=[answer])
    failed = run(typescript, server)["error"]
    assert (failed["name"], failed["isCallError"], failed["isJobFailed"]) == (error, True, False)
    assert failed.get("retryAfter") == (3600 if "Retry-After" in answer.headers and answer.status == 429 else None)
    assert [one.path for one in server.seen] == ["/run"]


def test_what_a_server_says_of_an_endpoint_that_is_none_is_told(typescript: TypeScript, server: RunPodQueue) -> None:
    server.answers(run=[Answer(404, {"error": "The endpoints are: /v2/mine"})])
    assert "The endpoints are: /v2/mine" in run(typescript, server)["error"]["message"]


def test_429_with_retry_after_is_waited_for(typescript: TypeScript, server: RunPodQueue) -> None:
    server.answers(run=[Answer(429, headers={"Retry-After": "1"}), QUEUED], status=[COMPLETED])
    done = run(typescript, server)
    assert done["value"] == DONE
    assert done["seconds"] >= 1
    assert server.count("run") == 2


def test_a_missing_connection_is_retried_and_then_reported(typescript: TypeScript) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    failed = typescript.call(VIDEO, "run", url, request=REQUEST, options={"retries": 1})
    assert failed["error"]["name"] == "Unreachable"
    assert "no connection (ECONNREFUSED)" in failed["error"]["message"]
    # The one wait before the second try.
    assert failed["seconds"] >= 0.25


@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(503, headers={"Retry-After": "0"}), Answer(drop=True), Answer(429)]
)
def test_a_burst_of_faults_while_polling_is_survived(
    typescript: TypeScript, server: RunPodQueue, fault: Answer
) -> None:
    server.answers(run=[QUEUED], status=[fault, fault, COMPLETED])
    assert run(typescript, server)["value"] == DONE
    assert server.count("run") == 1


def test_faults_without_an_end_are_reported_with_the_jobs_id_and_the_job_is_stopped(
    typescript: TypeScript, server: RunPodQueue
) -> None:
    server.answers(run=[QUEUED], status=[Answer(503)], cancel=[QUEUED])
    failed = run(typescript, server, options={"retries": 2})["error"]
    assert (failed["name"], failed["jobId"]) == ("Unreachable", "j1")
    assert "503" in failed["message"]
    assert (server.count("status"), server.count("cancel")) == (3, 1)


@pytest.mark.parametrize("vanished", [Answer(404), Answer(body={"id": "j1", "status": "COMPLETED"})])
def test_a_result_that_vanishes_is_polled_for_again_and_then_reported(
    typescript: TypeScript, server: RunPodQueue, vanished: Answer
) -> None:
    server.answers(run=[QUEUED], status=[vanished, COMPLETED])
    assert run(typescript, server)["value"] == DONE
    server.answers(run=[QUEUED], status=[vanished], cancel=[QUEUED])
    assert run(typescript, server)["error"]["name"] == "ResultGone"


def test_progress_that_comes_after_the_result_is_not_taken_for_it(typescript: TypeScript, server: RunPodQueue) -> None:
    late = Answer(body={"id": "j1", "status": "COMPLETED", "output": {"node": "save", "percent": 99}})
    server.answers(run=[QUEUED], status=[late, late, COMPLETED])
    assert run(typescript, server)["value"] == DONE


def test_no_end_in_time_stops_the_job(typescript: TypeScript, server: RunPodQueue) -> None:
    server.answers(run=[QUEUED], status=[RUNNING], cancel=[QUEUED])
    failed = run(typescript, server, timeoutSeconds=0.4)
    assert failed["error"]["name"] == "CallTimeout"
    assert failed["seconds"] < 3
    assert server.count("cancel") == 1


def test_a_result_that_is_not_there_in_time_leaves_the_job_alone(typescript: TypeScript, server: RunPodQueue) -> None:
    server.answers(status=[RUNNING], cancel=[QUEUED])
    failed = typescript.call(VIDEO, "result", server.url, jobId="j1", timeoutSeconds=0.3)
    assert (failed["error"]["name"], server.count("cancel")) == ("CallTimeout", 0)


def test_looks_become_rarer(typescript: TypeScript, server: RunPodQueue) -> None:
    server.answers(status=[RUNNING])
    failed = typescript.call(VIDEO, "result", server.url, jobId="j1", timeoutSeconds=2.0)
    assert failed["error"]["name"] == "CallTimeout"
    # Every 0.05 seconds at most, but for the first half second; a fixed 0.01 would be some 200.
    assert server.count("status") < 80


def test_a_server_that_does_not_answer_is_left_after_the_requests_time(
    typescript: TypeScript, server: RunPodQueue
) -> None:
    server.answers(run=[Answer(seconds=5)])
    failed = run(typescript, server, options={"requestSeconds": 0.3})
    assert failed["error"]["name"] == "SubmissionUnknown"
    assert "TimeoutError: not done within 0.3 seconds" in failed["error"]["message"]


@pytest.mark.parametrize("abort", [{"onProgress": True}, {"onRequest": "/status/j1"}])
def test_a_call_that_is_aborted_stops_its_job_and_says_the_signals_reason(
    typescript: TypeScript, server: RunPodQueue, abort: dict[str, Any]
) -> None:
    server.answers(run=[QUEUED], status=[RUNNING], cancel=[QUEUED])
    failed = run(typescript, server, abort=abort)["error"]
    assert (failed["name"], failed["isCallError"]) == ("Error" if "onProgress" in abort else "AbortError", False)
    assert server.count("cancel") == 1


def test_a_job_that_is_aborted_while_it_is_sent_is_stopped_as_soon_as_its_id_is_known(
    typescript: TypeScript, server: RunPodQueue
) -> None:
    slow = Answer(body=QUEUED.body, seconds=0.3)
    server.answers(run=[slow], status=[RUNNING], cancel=[QUEUED])
    for do in ("run", "submit"):
        server.seen.clear()
        failed = typescript.call(VIDEO, do, server.url, request=REQUEST, abort={"onRequest": "/run"})
        assert failed["error"]["name"] == "AbortError"
        assert [one.path for one in server.seen] == ["/run", "/cancel/j1"]


def test_what_is_aborted_before_it_begins_is_not_sent(typescript: TypeScript, server: RunPodQueue) -> None:
    server.answers(run=[QUEUED])
    assert run(typescript, server, abort={"atOnce": True})["error"]["name"] == "AbortError"
    assert server.seen == []


def test_updates_are_iterated_and_breaking_off_stops_the_job(typescript: TypeScript, server: RunPodQueue) -> None:
    server.answers(run=[QUEUED], status=[QUEUED, RUNNING, COMPLETED], cancel=[QUEUED])
    done = typescript.call(VIDEO, "watch", server.url, request=REQUEST)
    assert [(one["kind"], one.get("state"), one.get("output")) for one in done["told"]] == [
        ("progress", "IN_QUEUE", None),
        ("progress", "IN_PROGRESS", None),
        ("result", None, DONE),
    ]
    assert server.count("cancel") == 0
    server.answers(run=[QUEUED], status=[RUNNING], cancel=[QUEUED])
    broken = typescript.call(VIDEO, "watch", server.url, request=REQUEST, breakOnProgress=True)
    assert (broken["value"], server.count("cancel")) == ("broken off", 1)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code)
def test_a_failed_job_is_an_error_of_its_codes_own_class(
    typescript: TypeScript, server: RunPodQueue, fault: FaultFacts
) -> None:
    details = [{"field": "width", "message": "too small"}, {"output": "video", "message": "broken"}]
    error = json.dumps({"code": fault.code, "message": "why", "details": details})
    server.answers(run=[QUEUED], status=[Answer(body={"id": "j1", "status": "FAILED", "error": error})])
    failed = run(typescript, server)["error"]
    assert failed == {
        "name": fault.name,
        "message": f"{fault.code}: why\n  width: too small\n  video: broken",
        "isCallError": True,
        "isJobFailed": True,
        "isKnown": True,
        "jobId": "j1",
        "code": fault.code,
        "retryable": fault.retryable,
        "reason": "why",
        "details": details,
    }
    assert server.count("cancel") == 0


@pytest.mark.parametrize(
    ("job", "kind", "code"),
    [
        ({"status": "FAILED", "error": json.dumps({"code": "new_one", "message": "m"})}, "JobFailed", "new_one"),
        ({"status": "FAILED", "error": json.dumps({"code": "toString", "message": "m"})}, "JobFailed", "toString"),
        ({"status": "FAILED", "error": "Traceback (most recent call last)"}, "JobFailed", "failed"),
        ({"status": "FAILED"}, "JobFailed", "failed"),
        ({"status": "FAILED", "error": {"code": "timeout", "message": "m"}}, "JobTimeout", "timeout"),
        ({"status": "CANCELLED"}, "JobCancelled", "cancelled"),
        ({"status": "TIMED_OUT"}, "JobTimeout", "timeout"),
    ],
)
def test_ends_in_words_of_runpods_own(
    typescript: TypeScript, server: RunPodQueue, job: dict[str, object], kind: str, code: str
) -> None:
    server.answers(run=[QUEUED], status=[Answer(body=job)])
    failed = run(typescript, server)["error"]
    assert (failed["name"], failed["code"], failed["isKnown"]) == (kind, code, kind != "JobFailed")


@pytest.mark.parametrize("seed", [0, 2**53 - 1, 2**53 + 1, 2**64 - 1])
def test_a_seed_is_sent_and_comes_back_exactly(typescript: TypeScript, server: RunPodQueue, seed: int) -> None:
    answer = json.dumps({"id": "j1", "status": "COMPLETED", "output": {**DONE, "seed": seed}}).encode()
    server.answers(run=[QUEUED], status=[Answer(body=answer)])
    done = run(typescript, server, request={**REQUEST, "seed": {"$bigint": str(seed)}})
    assert json.loads(server.seen[0].body)["input"]["seed"] == seed
    # A bigint whatever its size, so that code which works with one seed works with all.
    assert (done["value"]["seed"], done["types"]["seed"]) == (seed, "bigint")
    # Where a field's bounds leave no such seeds, they are numbers.
    server.answers(run=[QUEUED], status=[Answer(body=answer.replace(str(seed).encode(), b"7"))])
    small = typescript.call(SMALL, "run", server.url, request=REQUEST)
    assert (small["value"]["seed"], small["types"]["seed"]) == (7, "number")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"prompt": "a", "seed": {"$number": "18446744073709551615"}}, "cannot hold 18446744073709552000 exactly"),
        ({"prompt": "a", "width": {"$number": "NaN"}}, "JSON has no number NaN"),
    ],
)
def test_a_number_that_would_arrive_as_another_is_not_sent(
    typescript: TypeScript, server: RunPodQueue, request_: dict[str, Any], reason: str
) -> None:
    server.answers(run=[QUEUED], status=[COMPLETED])
    failed = run(typescript, server, request=request_, options={"checkInput": False})["error"]
    assert failed["name"] == "InputRefused"
    assert reason in failed["message"]
    assert server.seen == []


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "webp-lossless"])
@pytest.mark.parametrize("given", ["path", "bytes", "buffer", "blob", "base64", "data"])
def test_an_image_is_taken_as_bytes_blob_or_text(
    typescript: TypeScript, server: RunPodQueue, tmp_path: Path, form: str, given: str
) -> None:
    data = image(form)
    (tmp_path / "cat").write_bytes(data)
    text = base64.b64encode(data).decode()
    value = {
        "path": {"$path": str(tmp_path / "cat")},
        "base64": text,
        "data": f"data:image/png;base64,{text}",
    }.get(given, {f"${given}": text})
    server.answers(run=[QUEUED], status=[COMPLETED])
    typescript.call(EDIT, "run", server.url, request={"image": value, "prompt": "p"})
    sent = json.loads(server.seen[0].body)["input"]["image"]
    assert base64.b64decode(sent.rpartition(",")[2]) == data


@pytest.mark.parametrize(("value", "kind", "reason"), REFUSED_IMAGES, ids=range(len(REFUSED_IMAGES)))
def test_an_image_that_the_endpoint_would_not_take_is_not_sent(
    typescript: TypeScript, server: RunPodQueue, value: bytes | str | Path, kind: str, reason: str
) -> None:
    server.answers(run=[QUEUED], status=[COMPLETED])
    given: list[object] = [value]
    if isinstance(value, bytes):
        text = base64.b64encode(value).decode()
        given = [{"$bytes": text}, {"$blob": text}]
    elif isinstance(value, Path):
        given = [{"$path": str(value)}]
    for one in given:
        failed = typescript.call(EDIT, "run", server.url, request={"image": one, "prompt": "p"})["error"]
        assert (failed["name"], failed.get("jobId")) == (kind, None)
        assert reason in failed["message"]
    assert server.seen == []


FILE = bytes(range(256)) * 5000
MEASURED = {
    "media_type": "video/webm",
    "bytes": len(FILE),
    "sha256": hashlib.sha256(FILE).hexdigest(),
    "prompt_id": "p",
}


def test_media_are_saved_from_base64_and_from_addresses(
    typescript: TypeScript, server: RunPodQueue, tmp_path: Path
) -> None:
    inline = {"video": base64.b64encode(FILE).decode(), **MEASURED}
    saved = typescript.call(VIDEO, "save", server.url, output=inline, folder=str(tmp_path / "a"), prefix="my_")
    assert saved["value"] == {"video": [str(tmp_path / "a" / "my_video.webm")]}
    server.answers(
        file=[Answer(503), Answer(drop=True), Answer(307, headers={"Location": "/file/2"}), Answer(body=FILE)]
    )
    url = {"url": f"{server.url}/file/1", "expires_at": "2030-01-01T00:00:00Z", **MEASURED}
    typescript.call(VIDEO, "save", server.url, output=url, folder=str(tmp_path / "b"))
    assert (tmp_path / "a" / "my_video.webm").read_bytes() == (tmp_path / "b" / "video.webm").read_bytes() == FILE
    assert [one.name for one in (tmp_path / "b").iterdir()] == ["video.webm"]
    (in_memory,) = typescript.call(VIDEO, "media", server.url, output=url)["value"]
    assert base64.b64decode(in_memory["bytes"]) == FILE
    assert (in_memory["name"], in_memory["mediaType"], in_memory["expiresAt"]) == (
        "video.webm",
        "video/webm",
        "2030-01-01T00:00:00Z",
    )
    # The key is RunPod's, not the store's.
    assert all("Authorization" not in one.headers for one in server.seen)


@pytest.mark.parametrize("do", ["save", "media"])
@pytest.mark.parametrize("wrong", ["sha256", "longer", "shorter", "gone", "base64", "scheme", "cut", "neither"])
def test_media_that_are_not_the_workers_are_refused_and_nothing_is_left(
    typescript: TypeScript, server: RunPodQueue, tmp_path: Path, wrong: str, do: str
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
        case "neither":
            answer = {"video": "", **MEASURED}
    plan = {"output": answer, "folder": str(tmp_path), "options": {"retries": 1}}
    failed = typescript.call(VIDEO, do, server.url, **plan)["error"]
    assert failed["name"] == "MediaBroken"
    assert "s3cret" not in failed["message"]
    assert list(tmp_path.iterdir()) == []
