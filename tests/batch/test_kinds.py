"""The summary of `batch`: equal faults of many inputs are one line, with their number and some ids."""

from __future__ import annotations

from pathlib import Path

from comfy2runpod.batch.batch import summarize
from comfy2runpod.batch.journal import Event, Record
from comfy2runpod.batch.kinds import kinds
from comfy2runpod.cli.batch_text import summary
from comfy2runpod.cli.progress import Steps


def _failed(message: str, code: str = "invalid_input") -> Record:
    return Record(Event.FAILED, "job", code, message)


def test_568_equal_faults_are_one_line() -> None:
    records = {f"{number}": _failed(f"width: must be a multiple of 2, not {number}") for number in range(568)}
    records["fine"] = Record(Event.DONE, "job")
    text = summary(summarize(records.values(), 569), kinds(records.items()), Path("out"))
    assert text.splitlines() == [
        "out: 1 of 569 done",
        "  568 failed: invalid_input",
        "    568 x width: must be a multiple of 2, not 0 (ids 0, 1, 2, 3, 4 and 563 more)",
        "    --retry-failed sends them again; journal.jsonl has every message",
    ]


def test_other_faults_stand_beside_the_most_frequent_first() -> None:
    records = {
        "a": _failed("no prompt"),
        "b": _failed("no width"),
        "c": _failed("no width"),
        "d": _failed("full", "disk_full"),
        "e": Record(Event.UNCERTAIN, message="the connection broke"),
        "f": Record(Event.DONE, "job", missing=("left",)),
    }
    found = kinds(records.items())
    assert (found[0].code, found[0].count, found[0].ids) == ("invalid_input", 2, ["b", "c"])
    text = summary(summarize(records.values(), 6), found, Path("out"))
    for line in ("2 x no width (ids b, c)", "1 x no prompt (id a)", "1 x full (id d)", "1 x left (id f)"):
        assert f"    {line}\n" in text
    assert "    1 x the connection broke (id e)\n" in text


def test_jobs_and_files_names_make_no_kinds_of_their_own() -> None:
    one = "the file of job 7b447e7c-4abc-4158-9bff-df56b53b27ab-u1 is broken after 1,234 bytes"
    other = "the file of job 60e51c7d-d26f-447f-9aa0-253ec3fb5367-u2 is broken after 99 bytes"
    assert len(kinds({"a": _failed(one), "b": _failed(other)}.items())) == 1


def test_a_call_that_goes_on_counts_its_rate_from_where_it_began() -> None:
    steps = Steps("Batch", 100, "inputs", done=90, before=90)
    assert steps.line() == "Batch: 90 of 100 inputs (90 %)"
    steps._began -= 5
    steps.reach(95)
    assert steps.line() == "Batch: 95 of 100 inputs (95 %), 1.0/s, 5 s left"
