"""Errors that are reported before anything is sent."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.standins.runpod_queue import RunPodQueue

from .conftest import Place


def test_all_bad_lines_are_reported_at_once_and_nothing_is_sent(place: Place, server: RunPodQueue) -> None:
    place.write(
        {"prompt": "good"},
        b"{",
        b"[1]",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": 1e999}',
        {"id": "7", "input": {}, "seed": 3},
        {"id": 7, "input": {}},
        {"id": "x", "input": "text"},
        {"id": "../x", "input": {}},
        {"id": "cat", "input": {}},
        b"",
        {"id": "CAT", "input": {}},
        {"id": "journal.jsonl", "input": {}},
        {"prompt": "x" * 10_000_000},
        {"id": "1", "input": {}},
        b"[" * 100_000,
    )
    done = place.run()
    assert done.returncode == 1
    lines = re.findall(r"^error\[([a-z-]+)\]: .*inputs\.jsonl:(\d+)\n  (.*)$", done.stderr, re.MULTILINE)
    assert [(int(number), code) for code, number, _ in lines] == [
        (2, "bad-line"),
        (3, "bad-line"),
        (4, "bad-line"),
        (5, "bad-line"),
        (6, "bad-line"),
        (7, "bad-line"),
        (8, "bad-line"),
        (9, "bad-line"),
        (10, "unsafe-id"),
        (13, "duplicate-id"),
        (14, "unsafe-id"),
        (15, "bad-line"),
        (16, "duplicate-id"),
        (17, "bad-line"),
    ]
    reasons = [reason for _, _, reason in lines]
    assert "an endpoint takes 10,000,000" in reasons[11]
    assert "already that of line 11" in reasons[9]
    assert server.asked["run"] == 0
    assert not place.out.exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "a", "id": "b", "input": {}}', 'the key "id" stands twice in an object'),
        (b'{"prompt": "a", "seed": 1, "prompt": "b"}', 'the key "prompt" stands twice in an object'),
        (b'{"id": "a", "input": {"seed": 1, "seed": 2}}', 'the key "seed" stands twice in an object'),
        (b'{"input": {"a": [{"x": 1, "\\u0078": 2}]}}', 'the key "x" stands twice in an object'),
        (b'{"prompt": "\\ud800"}', "$.prompt holds half of a surrogate pair"),
        (b'{"seed": ' + b"9" * 400 + b"}", "a number is too large"),
        (b'{"a": ' * 300 + b"1" + b"}" * 300, "nested too deeply"),
    ],
)
def test_what_readers_of_json_understand_differently_is_refused(
    place: Place, server: RunPodQueue, line: bytes, reason: str
) -> None:
    place.write({"prompt": "good"}, line)
    done = place.run()
    assert (done.returncode, server.asked["run"]) == (1, 0)
    assert re.search(r"^error\[bad-line\]: .*inputs\.jsonl:2$", done.stderr, re.MULTILINE)
    assert reason in done.stderr


def test_a_line_is_an_input_or_names_one(place: Place, server: RunPodQueue) -> None:
    place.write(
        {"prompt": "plain"},
        {"id": "named", "input": {"prompt": "named"}},
        {"input": {"prompt": "wrapped"}},
        # A field called input, as an image's may be.
        {"prompt": "field", "input": "https://example.org/a.png"},
        b"",
    )
    assert place.run().returncode == 0
    assert {path.name for path in place.out.iterdir()} == {"journal.jsonl", "1", "named", "3", "4"}
    assert sorted(job["prompt"] for job in server.submitted.values()) == ["field", "named", "plain", "wrapped"]
    assert {"prompt": "field", "input": "https://example.org/a.png"} in server.submitted.values()


@pytest.mark.parametrize(("content", "code"), [(b"", "no-inputs"), (b"\n \n", "no-inputs")])
def test_a_file_without_inputs_is_refused(place: Place, content: bytes, code: str) -> None:
    place.inputs.write_bytes(content)
    done = place.run()
    assert (done.returncode, f"error[{code}]" in done.stderr) == (1, True)


def test_inputs_that_cannot_be_read_twice_are_refused(place: Place) -> None:
    assert place.run().returncode == 3
    place.inputs.mkdir()
    assert place.run().returncode == 3
    place.inputs.rmdir()
    os.mkfifo(place.inputs)
    done = place.run()
    assert (done.returncode, "read twice" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    "endpoint", ["a b", "ftp://host/x", "https://", "http://[", "https://u:p@host/x", "https://host:99999/", ""]
)
def test_what_is_not_an_endpoint_is_wrong_usage(place: Place, endpoint: str) -> None:
    place.prompts(1)
    place.endpoint = endpoint
    assert place.run().returncode == 2
    assert not place.out.exists()


@pytest.mark.parametrize("key", ["", " ", "schlüssel", "a\nb"])
def test_an_invalid_key_is_wrong_usage(place: Place, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    place.prompts(1)
    monkeypatch.setenv("RUNPOD_API_KEY", key)
    done = place.run()
    assert (done.returncode, "RUNPOD_API_KEY" in done.stderr) == (2, True)


def test_a_journal_of_other_inputs_or_another_endpoint_is_refused(place: Place, server: RunPodQueue) -> None:
    place.prompts(2)
    assert place.run().returncode == 0
    before = (place.out / "journal.jsonl").read_bytes()
    place.prompts(3)
    done = place.run()
    assert (done.returncode, "error[other-journal]" in done.stderr, "help: " in done.stderr) == (1, True, True)
    place.prompts(2)
    place.endpoint = server.url.replace("127.0.0.1", "localhost")
    done = place.run()
    assert (done.returncode, f"is {server.url}, not {place.endpoint}" in done.stderr) == (1, True)
    assert (server.asked["run"], (place.out / "journal.jsonl").read_bytes()) == (2, before)
    place.endpoint = server.url + "/"
    assert place.run().returncode == 0


@pytest.mark.parametrize(
    "line", [b"{}", b"nonsense", b'{"id": "9", "event": "done"}', b'{"id": "1", "event": "new"}', b"[]"]
)
def test_a_journal_that_is_broken_before_its_end_is_refused(place: Place, server: RunPodQueue, line: bytes) -> None:
    place.prompts(2)
    assert place.run().returncode == 0
    path = place.out / "journal.jsonl"
    head, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(head + b"\n" + line + b"\n" + rest)
    done = place.run()
    assert (done.returncode, "error[broken-journal]" in done.stderr, "journal.jsonl:2" in done.stderr) == (
        1,
        True,
        True,
    )
    assert server.asked["run"] == 2


def test_what_is_there_already_is_not_overwritten(place: Place, server: RunPodQueue) -> None:
    place.prompts(2)
    (place.out / "2").mkdir(parents=True)
    done = place.run()
    assert (done.returncode, "error[place-taken]" in done.stderr, server.asked["run"]) == (1, True, 0)
    (place.out / "2").rename(place.out / "other")
    assert place.run().returncode == 0


def test_a_link_in_the_place_of_a_result_is_not_followed(place: Place, server: RunPodQueue, tmp_path: Path) -> None:
    place.prompts(2)
    server.on_run = lambda number: 500 if number == 2 else None
    place.run()
    # Whichever came second.
    (missing,) = [name for name in ("1", "2") if not (place.out / name).exists()]
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "result.png.part").write_text("mine")
    (place.out / missing).symlink_to(victim)
    done = place.run("--resend-uncertain", "--retry-failed")
    assert (done.returncode, "error[place-taken]" in done.stderr) == (1, True)
    assert [path.read_text() for path in victim.iterdir()] == ["mine"]


def test_an_unwritable_folder_is_reported(place: Place, server: RunPodQueue) -> None:
    place.prompts(1)
    place.out.parent.joinpath("file").write_text("")
    place.out = place.out.parent / "file" / "out"
    done = place.run()
    assert (done.returncode, "error[cannot-keep]" in done.stderr, server.asked["run"]) == (3, True, 0)
