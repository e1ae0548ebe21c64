"""The parity suite's cases and its page, without a browser."""

from __future__ import annotations

import gzip
import json
import re
from importlib import resources
from pathlib import Path

import pytest

from comfy2runpod.catalog.classes import load_catalog
from parity.editor import Reading
from parity.exceptions import load_exceptions
from parity.failures import clear_failures, write_failure
from parity.judge import Judgement, Ours, Outcome, Result
from parity.mutations import KINDS, plan
from parity.recording import Recording, load_recording, save_recording
from parity.report import CRASHED, Run, report
from parity.score import stale
from parity.suite import Changed, Read
from parity.templates import load_templates, of_known_classes
from parity.versions import VERSIONS

NAMES = ["a", "b", "c", "d"]
OLD, NEW = VERSIONS["1.43"], VERSIONS["1.58"]


def test_a_case_is_the_same_whatever_else_is_run() -> None:
    assert plan(7, 12, NAMES) == plan(7, 12, NAMES)
    assert len({plan(seed, index, NAMES).draw for seed in range(10) for index in range(10)}) == 100


def test_every_kind_of_change_is_drawn_and_known_to_the_page() -> None:
    drawn = {kinds[0] for index in range(300) for kinds in plan(1, index, NAMES).steps}
    assert drawn == KINDS.keys()
    page = (resources.files("parity") / "page" / "mutate.js").read_text("utf-8")
    table = page.partition("const mutations = {")[2].partition("\n  };")[0]
    assert set(re.findall(r"^    (\w+): ", table, re.MULTILINE)) == KINDS.keys()


def test_every_step_has_something_to_do_where_its_kind_has_no_place() -> None:
    for index in range(50):
        assert all(set(kinds) == KINDS.keys() for kinds in plan(1, index, NAMES).steps)


def test_all_graphs_of_the_package_are_taken_and_no_index() -> None:
    templates = load_templates()
    assert len(templates) == 644
    known = of_known_classes(templates, load_catalog())
    assert len(known) == 343
    assert "video_ltx2_t2v" in known


def changed_graph(graph: str | None, index: int = 5) -> Changed:
    done = (("wrap", "wrap 1 (A)"), ("mute", "mute 2 (B)"))
    return Changed(plan(3, index, ["good"]), OLD, done, graph, None if graph else "it threw")


def result(
    name: str, outcome: Outcome, *, codes: tuple[str, ...] = (), editor: str = "1.43", changed: bool = False
) -> Result:
    source = changed_graph("{}") if changed else None
    read = Read(VERSIONS[editor], name, b"{}", Reading({"1": {}}, None, 0), source)
    ours = Ours(None, codes, "error[x]: it is wrong" if codes else "")
    return Result(read, ours, Judgement(outcome, codes, ("what differs",)))


def a_run() -> Run:
    results = [
        result("good", Outcome.EQUAL),
        result("known", Outcome.DIFFERENT),
        result("odd", Outcome.REFUSED, codes=("unknown-class",)),
        result("good", Outcome.REFUSED_WRONGLY, codes=("widget-count-mismatch",), editor="1.58"),
        result("1.43/3:5", Outcome.ACCEPTED_WRONGLY, changed=True),
        result("1.43/3:5", Outcome.EQUAL, changed=True, editor="1.58"),
    ]
    packages = {"good": (), "known": (CRASHED,), "odd": ("unknown-class",)}
    exceptions = {("1.43", "known"): "the editor draws it at random"}
    changed = [changed_graph("{}"), changed_graph(None)]
    return Run("ComfyUI 0.21.0", "0.1.123", 3, results, changed, packages, exceptions)


def test_the_page_tells_score_exceptions_changes_and_every_template() -> None:
    page = report(a_run())
    assert f"| templates | {OLD.version} | 3 | 1 | 1 | 1 | 0 | 66.7 % |" in page
    assert f"| templates | {NEW.version} | 1 | 0 | 0 | 0 | 1 | 0.0 % |" in page
    assert f"| changed in {OLD.version} | {OLD.version} | 1 | 0 | 0 | 0 | 1 | 0.0 % |" in page
    assert f"| changed in {OLD.version} | {NEW.version} | 1 | 1 | 0 | 0 | 0 | 100.0 % |" in page
    assert "1 more graphs are not counted" in page
    assert f"| known | {OLD.version} | another prompt | the editor draws it at random |" in page
    assert f"| 1.43/3:5 (good) | {OLD.version} | accepted wrongly | not explained yet |" in page
    assert "| wrap | 2 | 1 |" in page
    assert "| good | equal | **refused wrongly** | yes |" in page
    assert f"| known | **another prompt** |  | {CRASHED} |" in page
    assert "| odd | unknown-class |  | unknown-class |" in page
    assert report(a_run()) == page


def test_every_exception_of_the_suite_has_a_reason_and_a_place() -> None:
    for (profile, _), reason in load_exceptions().items():
        assert profile in VERSIONS
        assert reason.strip()


def test_an_exception_that_no_longer_holds_is_reported() -> None:
    results = [result("good", Outcome.EQUAL), result("known", Outcome.DIFFERENT)]
    reasons = {
        ("1.43", "good"): "it is right by now",
        ("1.43", "known"): "still so",
        ("1.58", "good"): "not read in this run",
        ("1.43", "gone"): "no such template any more",
        ("1.43", "1.43/9:9"): "another seed's",
    }
    assert stale(results, reasons, {"good", "known"}) == {("1.43", "good"), ("1.43", "gone")}


def test_a_run_leaves_no_failures_of_an_earlier_one(tmp_path: Path) -> None:
    old = write_failure(result("old", Outcome.DIFFERENT), tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    clear_failures(tmp_path)
    assert not old.exists()
    assert other.is_dir()
    clear_failures(tmp_path / "not there yet")


def test_a_recording_replays_the_editors_results(tmp_path: Path) -> None:
    changed = [changed_graph('{"nodes": []}'), changed_graph(None, 6)]
    reads = [
        Read(OLD, "good", b"its graph", Reading({"1": {"inputs": {"x": 1.5}}}, None, 0)),
        Read(NEW, changed[0].name, b'{"nodes": []}', Reading(None, "it threw", 2), changed[0]),
    ]
    path = tmp_path / "deep" / "recording.json.gz"
    save_recording(Recording(3, changed, reads), path)
    assert load_recording(path, {"good": b"its graph"}) == Recording(3, changed, reads)
    text = gzip.decompress(path.read_bytes()).replace(OLD.version.encode(), b"1.40.0")
    path.write_bytes(gzip.compress(text))
    with pytest.raises(ValueError, match="of other editors"):
        load_recording(path, {"good": b"its graph"})


def test_a_failure_is_written_with_all_that_it_takes_to_play_it_again(tmp_path: Path) -> None:
    place = write_failure(result("1.43/3:5", Outcome.REFUSED_WRONGLY, codes=("x",), changed=True), tmp_path)
    assert place == tmp_path / "1.43-1.43-3-5"
    assert json.loads((place / "graph.json").read_text()) == {}
    assert json.loads((place / "editor.prompt.json").read_text()) == {"1": {}}
    assert "it is wrong" in (place / "ours.error.txt").read_text()
    text = (place / "case.txt").read_text()
    assert "python -m parity --made-in 1.43 --editor 1.43 --seed 3 --case 5" in text
    assert "wrap 1 (A)" in text
    assert "what differs" in text
