"""A batch against a stand-in queue with every known kind of failure, in this process."""

from __future__ import annotations

import base64
import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.standins.runpod_queue import RunPodQueue, completed, failed
from tests.standins.serving import free_port

from .conftest import Place
from .results import FILE, facts, flat


def test_every_input_is_sent_once_and_its_result_kept(place: Place, server: RunPodQueue) -> None:
    place.prompts(40)
    server.polls_at_work = 1
    done = place.run("--in-flight", "8")
    assert (done.returncode, "40 of 40 done" in done.stdout) == (0, True)
    assert set(server.queued.values()) == {1}
    assert server.most_unended <= 8
    for number in range(1, 41):
        assert (place.out / f"{number}" / "image.png").read_bytes() == FILE
        assert place.response(f"{number}") == {**flat(), "image": "image.png"}
    assert all(events == ["sending", "sent", "done"] for events in place.events().values())
    again = place.run()
    assert (again.returncode, server.asked["run"], "40 of 40 done" in again.stdout) == (0, 40, True)


def test_each_step_is_on_the_disk_before_the_next(
    place: Place, server: RunPodQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.prompts(6)
    # What was written to the journal or had on the disk, in order.
    steps: list[str] = []
    write, fsync = os.write, os.fsync

    def noted_write(fd: int, data: bytes) -> int:
        steps.append(data.decode())
        return write(fd, data)

    def noted_fsync(fd: int) -> None:
        fsync(fd)
        steps.append(str(Path(f"/proc/self/fd/{fd}").readlink()))

    monkeypatch.setattr("comfy2runpod.batch.journal.os.write", noted_write)
    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr("comfy2runpod.client.media.secrets.token_hex", lambda _: "0f")
    journal = str(place.out / "journal.jsonl")
    sent: list[list[str]] = []
    server.on_run = lambda _number: sent.append(list(steps))
    assert place.run("--in-flight", "1").returncode == 0
    assert all(json.loads(before[-2])["event"] == "sending" and before[-1] == journal for before in sent)
    for at, step in enumerate(steps):
        if step.startswith('{"at"'):
            assert steps[at + 1] == journal
            line = json.loads(step)
            if line["event"] == "done":
                folder = place.out / line["id"]
                part = folder / ".response.json.0f.part"
                files = [folder / "image.png", part, folder, place.out]
                assert steps[at - 4 : at] == [str(path) for path in files]


def test_results_of_every_form_are_kept_without_their_content(place: Place, server: RunPodQueue) -> None:
    other = b"other" * 1000
    server.files = {"a": FILE}
    address = {"url": f"{server.url}/file/a?signature=s3cret", "expires_at": "2030-01-01T00:00:00Z"}
    data = {"data": base64.b64encode(other).decode(), **facts(other)}
    forms: dict[str, dict[str, object]] = {
        "flat-url": {**address, **facts(FILE), "prompt_id": "p"},
        "several": {
            "left": data,
            "right": {**address, **facts(FILE)},
            "failed": [{"output": "top", "code": "stalled"}],
        },
        "many": {"frames": [data, {**address, **facts(FILE)}], "words": {"text": "hello"}, "seed": 1},
        "text": {"caption": "a cat", "prompt_id": "p"},
        "unsafe": {"../up": data, "response": {**data, "media_type": "application/json"}},
    }
    server.result = lambda one: completed(forms[one["prompt"]])
    place.write(*({"id": name, "input": {"prompt": name}} for name in forms))
    done = place.run()
    assert done.returncode == 0
    files = {name: {path.name: path.read_bytes() for path in (place.out / name).iterdir()} for name in forms}
    for kept in files.values():
        assert b"s3cret" not in kept.pop("response.json")
    assert files == {
        "flat-url": {"image.png": FILE},
        "several": {"left.png": other, "right.png": FILE},
        "many": {"frames_01.png": other, "frames_02.png": FILE},
        "text": {},
        "unsafe": {"file_response.json": other},
    }
    assert place.response("flat-url") == {"image": "image.png", **facts(FILE), "prompt_id": "p"}
    assert place.response("several")["right"] == {"data": "right.png", **facts(FILE)}
    assert [one["data"] for one in place.response("many")["frames"]] == ["frames_01.png", "frames_02.png"]
    assert place.response("text") == forms["text"]
    assert "several: done without top" in done.stderr
    assert "1 of them without some outputs" in done.stdout


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("numbered", "image_01: a file of it would replace one of image, as image_01.png"),
        ("case", "Image: a file of it would replace one of image, as Image.png"),
        ("response", "file_response: a file of it would replace one of Response, as file_response.json"),
        ("many", "image: with it, the answer has more than 10,000 files"),
        ("large", "image: with it, the answer's files have more than 10,000,000,000 bytes"),
    ],
)
def test_files_that_are_too_many_or_would_replace_each_other_are_not_written(
    place: Place, server: RunPodQueue, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    monkeypatch.setattr("comfy2runpod.batch.batch._FETCH_AGAIN", ())
    data = {"data": base64.b64encode(FILE).decode(), **facts(FILE)}
    json_file = {**data, "media_type": "application/json"}
    answers: dict[str, dict[str, object]] = {
        "numbered": {"image": [data], "image_01": data},
        "case": {"image": data, "Image": data},
        "response": {"Response": json_file, "file_response": json_file},
        "many": {"image": [{"data": "YQ==", "media_type": "image/png"}] * 10_001},
        "large": {"image": [{"url": f"{server.url}/file/a", "media_type": "image/png", "bytes": 10**9}] * 11},
    }
    server.result = lambda _one: completed(answers[kind])
    place.prompts(1)
    done = place.run()
    assert (done.returncode, f"1: failed, media_broken: {said}" in done.stderr) == (1, True), done.stderr
    assert [path.name for path in place.out.iterdir()] == ["journal.jsonl"]


def test_a_failed_job_is_kept_and_sent_again_only_when_asked(place: Place, server: RunPodQueue) -> None:
    place.prompts(3)
    server.result = lambda one: failed("stalled", "No progress.") if one["prompt"] == "2" else completed(flat())
    done = place.run()
    assert (done.returncode, "1 failed: stalled" in done.stdout, "2: failed, stalled: No progress." in done.stderr) == (
        1,
        True,
        True,
    )
    (line,) = [line for line in place.journal() if line["event"] == "failed"]
    assert (line["id"], line["code"], line["message"], line["job"]) == ("2", "stalled", "No progress.", line["job"])
    server.result = lambda _one: completed(flat())
    assert (place.run().returncode, server.asked["run"]) == (1, 3)
    assert (place.run("--retry-failed").returncode, server.asked["run"], server.queued["2"]) == (0, 4, 2)
    assert (place.run("--retry-failed").returncode, server.asked["run"]) == (0, 4)


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "1"}])
def test_429_slows_down_and_nothing_is_sent_twice(place: Place, server: RunPodQueue, headers: dict[str, str]) -> None:
    place.prompts(10)
    asked: list[float] = []

    def refuse(number: int) -> Any:
        asked.append(time.monotonic())
        return (429, headers) if number <= 3 else None

    server.on_run = refuse
    server.on_status = lambda number: 429 if number == 2 else None
    assert place.run().returncode == 0
    assert set(server.queued.values()) == {1}
    # All three were on their way together; the next waits half a second, or as long as it is asked.
    assert asked[4] - asked[0] > (0.9 if headers else 0.45)
    # Refused ones are unchanged: it is certain that they were not queued.
    assert {event for events in place.events().values() for event in events} == {"sending", "unsent", "sent", "done"}


@pytest.mark.parametrize("fault", [500, 503, "dropped", "lost", 200])
def test_a_submission_without_a_clear_answer_is_uncertain_until_it_is_asked_for(
    place: Place, server: RunPodQueue, fault: Any
) -> None:
    place.prompts(10)
    server.on_run = lambda number: fault if number == 4 else None
    done = place.run()
    assert (done.returncode, "1 uncertain" in done.stdout, "may run twice" in done.stdout) == (1, True, True)
    again = place.run("--retry-failed")
    assert (again.returncode, server.asked["run"], "9 of 10 done, 1 uncertain" in again.stderr) == (1, 10, True)
    assert (place.run("--resend-uncertain").returncode, server.asked["run"]) == (0, 11)
    twice = 1 if fault == "lost" else 0
    assert sorted(server.queued.values()) == [1] * (10 - twice) + [2] * twice


def test_an_uncertain_input_that_is_refused_stays_uncertain(
    place: Place, server: RunPodQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.prompts(2)
    server.on_run = lambda number: 500 if number == 1 else None
    assert place.run().returncode == 1
    monkeypatch.setenv("RUNPOD_API_KEY", "wrong")
    assert place.run("--resend-uncertain").returncode == 3
    monkeypatch.setenv("RUNPOD_API_KEY", server.key)
    done = place.run()
    assert (done.returncode, "1 uncertain" in done.stdout, server.asked["run"]) == (1, True, 2)


def test_submissions_are_not_risked_one_after_another(place: Place, server: RunPodQueue) -> None:
    place.prompts(30)
    server.on_run = lambda _number: 502
    done = place.run()
    assert (done.returncode, "HTTP 502" in done.stderr) == (3, True)
    assert server.asked["run"] <= 8
    server.on_run = lambda _number: None
    assert place.run("--resend-uncertain").returncode == 0
    assert set(server.queued.values()) == {1}


def test_a_refusal_that_says_nothing_of_the_input_stops_all(place: Place, server: RunPodQueue) -> None:
    place.prompts(10)
    server.on_run = lambda number: 402 if number >= 3 else None
    done = place.run()
    assert (done.returncode, "HTTP 402" in done.stderr, "uncertain" in done.stdout) == (3, True, False)
    server.on_run = lambda _number: None
    assert place.run().returncode == 0
    assert set(server.queued.values()) == {1}


def test_an_input_that_is_refused_fails_alone(place: Place, server: RunPodQueue) -> None:
    place.prompts(10)
    server.on_run = lambda number: 400 if number == 3 else None
    done = place.run()
    assert (done.returncode, "9 of 10 done" in done.stdout, "1 failed: input_refused" in done.stdout) == (1, True, True)


def test_a_wrong_key_stops_all_and_loses_nothing(
    place: Place, server: RunPodQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.prompts(50)
    monkeypatch.setenv("RUNPOD_API_KEY", "wr0ng")
    done = place.run()
    assert (done.returncode, "HTTP 401" in done.stderr, "RUNPOD_API_KEY" in done.stderr) == (3, True, True)
    assert "50 not sent" in done.stdout
    assert "wr0ng" not in done.stderr + done.stdout + (place.out / "journal.jsonl").read_text("utf-8")
    monkeypatch.undo()
    monkeypatch.setenv("RUNPOD_API_KEY", server.key)
    assert place.run().returncode == 0
    assert set(server.queued.values()) == {1}


def test_a_key_that_becomes_wrong_leaves_what_is_queued_to_the_next_call(place: Place, server: RunPodQueue) -> None:
    place.prompts(20)
    server.polls_at_work = 1

    def revoke(number: int) -> None:
        if number == 10:
            server.key = "other"

    server.on_status = revoke
    done = place.run("--in-flight", "4")
    assert (done.returncode, "HTTP 401" in done.stderr, "uncertain" in done.stdout) == (3, True, False)
    server.key = "key"
    assert place.run().returncode == 0
    assert set(server.queued.values()) == {1}


def test_an_endpoint_that_is_gone_stops_all_and_its_jobs_are_not_abandoned(place: Place, server: RunPodQueue) -> None:
    place.prompts(12)
    server.polls_at_work = 2

    def vanish(number: int) -> None:
        if number == 6:
            server.there = False

    server.on_status = vanish
    done = place.run("--in-flight", "4")
    assert (done.returncode, "there is no such endpoint" in done.stderr) == (3, True)
    assert "failed" not in done.stdout
    server.there = True
    assert place.run().returncode == 0
    assert set(server.queued.values()) == {1}


def test_no_connection_stops_all(place: Place, server: RunPodQueue) -> None:
    place.prompts(5)
    place.endpoint = f"http://127.0.0.1:{free_port()}"
    done = place.run()
    assert (done.returncode, "no connection" in done.stderr, "5 not sent" in done.stdout) == (3, True, True)


def test_faults_while_polling_are_survived(place: Place, server: RunPodQueue) -> None:
    place.prompts(12)
    faults = itertools.cycle([500, None, "dropped", None, 200, None])
    server.on_status = lambda _number: next(faults)
    assert place.run().returncode == 0
    assert set(server.queued.values()) == {1}


def test_results_that_are_gone_are_counted_as_such_and_sent_again_when_asked(place: Place, server: RunPodQueue) -> None:
    place.prompts(4)
    server.polls_at_work = 1
    server.on_status = lambda number: server.forget() if number == 4 else None
    done = place.run()
    gone = [line["id"] for line in place.journal() if line.get("code") == "result_gone"]
    assert (done.returncode, f"{len(gone)} failed: result_gone" in done.stdout, len(gone) > 0) == (1, True, True)
    assert server.asked["health"] > 0
    assert place.run("--retry-failed").returncode == 0
    assert server.asked["run"] == 4 + len(gone)


@pytest.mark.parametrize("more", [{}, {"outputs": {"image": "done"}, "files": {"image": {"url": "https://x"}}}])
def test_a_result_that_its_progress_was_overwritten_is_gone(
    place: Place, server: RunPodQueue, monkeypatch: pytest.MonkeyPatch, more: dict[str, object]
) -> None:
    monkeypatch.setattr("comfy2runpod.batch.batch._FETCH_AGAIN", (0.0, 0.0))
    place.prompts(1)
    server.result = lambda _one: completed({"node": "save", "percent": 99.0, **more})
    done = place.run()
    assert (done.returncode, "1 failed: result_gone" in done.stdout, server.asked["status"]) == (1, True, 3)


@pytest.mark.parametrize("wrong", ["sha256", "base64", "gone"])
def test_a_file_that_is_not_the_workers_is_downloaded_again_and_then_reported(
    place: Place, server: RunPodQueue, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setattr("comfy2runpod.batch.batch._FETCH_AGAIN", (0.0, 0.0))
    place.prompts(1)
    answer: dict[str, object] = flat()
    match wrong:
        case "sha256":
            answer["sha256"] = "0" * 64
        case "base64":
            answer["image"] = "%%%"
        case "gone":
            server.files, server.file_status = {"a": b""}, 403
            answer = {"url": f"{server.url}/file/a", **facts(FILE)}
    server.result = lambda _one: completed(answer)
    done = place.run()
    assert (done.returncode, "1 failed: media_broken" in done.stdout) == (1, True)
    assert [path.name for path in (place.out / "1").iterdir()] == []
    assert (server.asked["run"], server.asked["status"]) == (1, 3)


def test_a_file_that_was_damaged_in_transit_is_downloaded_again_without_a_second_job(
    place: Place, server: RunPodQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comfy2runpod.batch.batch._FETCH_AGAIN", (0.0,))
    place.prompts(1)
    server.files = {"a": FILE}
    server.file_status = 403
    server.result = lambda _one: completed({"url": f"{server.url}/file/a", **facts(FILE)})

    def mend(number: int) -> None:
        if number == 2:
            server.file_status = 200

    server.on_status = mend
    assert (place.run().returncode, server.asked["run"]) == (0, 1)
    assert (place.out / "1" / "image.png").read_bytes() == FILE


def test_a_journal_that_was_truncated_anywhere_is_resumed(place: Place, server: RunPodQueue) -> None:
    place.prompts(3)
    server.result = lambda one: (
        failed("stalled", "…") if one["prompt"] == "2" and server.asked["run"] <= 3 else completed(flat())
    )
    assert place.run().returncode == 1
    path = place.out / "journal.jsonl"
    whole = path.read_bytes()
    for size in range(0, len(whole), 31):
        path.write_bytes(whole[:size])
        # Without a header it is not the journal of a batch, and the files there are not its results.
        began = whole[:size].count(b"\n") > 0
        done = place.run("--retry-failed", "--resend-uncertain")
        assert done.returncode == (0 if began else 1), (size, done.stderr)
        if not began:
            assert "error[place-taken]" in done.stderr
            continue
        told = place.events()
        assert all(told[name].count("done") == 1 for name in ("1", "2", "3")), size
    path.write_bytes(whole[:-3])
    lines = whole.count(b"\n")
    assert place.run("--retry-failed").returncode == 0
    assert path.read_bytes().startswith(b"".join(whole.splitlines(keepends=True)[: lines - 1]))
