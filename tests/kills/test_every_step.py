"""A folder is rewritten, and the process ends before each single step: the old or the new folder is complete."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from comfy2runpod.write import write_package, write_results
from tests.fork_server import ForkServer
from tests.kills.dying import Steps
from tests.write.place import names, put_users_things, tree

OLD = {"handler.py": b"old", "same.txt": b"same", "docs/a.md": b"a", "gone/only.txt": b"x"}
NEW = {"handler.py": b"new", "same.txt": b"same", "docs/a.md": b"b", "more/b.md": b"c"}
Write: TypeAlias = Callable[[Mapping[str, bytes], Path], object]
StepsOf: TypeAlias = Callable[..., int]


def _counted(place: Path, files: Mapping[str, bytes], at: int, write: Write) -> int:
    steps = Steps(str(place.parent), at)
    write(files, place)
    return steps.taken


@pytest.fixture(scope="module")
def steps_of() -> Iterator[StepsOf]:
    """Writes in a process of its own, which dies before step `at`; how many steps there were, 0 if it died."""
    with ForkServer() as forks:

        def of(place: Path, files: Mapping[str, bytes], at: int = 0, write: Write = write_package) -> int:
            code, taken = forks.call(_counted, place, files, at, write)
            assert code == (-signal.SIGKILL if at else 0), f"step {at}"
            return int(taken or 0)

        yield of


def test_a_folder_that_is_there(tmp_path: Path, steps_of: StepsOf) -> None:
    package = tmp_path / "out" / "demo"
    steps_of(package, OLD)
    put_users_things(package)
    old = tree(package)
    steps = steps_of(package, NEW)
    new = tree(package)
    steps_of(package, OLD)
    assert tree(package) == old
    assert steps > 40
    seen = set[str]()
    for at in range(1, steps + 1):
        steps_of(package, NEW, at)
        there = tree(package)
        assert there in (old, new), f"killed before step {at} of {steps}"
        seen.add("old" if there == old else "new")
        steps_of(package, NEW)
        assert (tree(package), names(package.parent)) == (new, ["demo"]), f"after a kill before step {at} of {steps}"
        steps_of(package, OLD)
    assert seen == {"old", "new"}


def test_a_folder_that_is_not_there(tmp_path: Path, steps_of: StepsOf) -> None:
    first = tmp_path / "first" / "demo"
    steps = steps_of(first, NEW)
    new = tree(first)
    for at in range(1, steps + 1):
        package = tmp_path / f"{at}" / "demo"
        steps_of(package, NEW, at)
        assert not package.exists() or tree(package) == new, f"killed before step {at} of {steps}"
        steps_of(package, NEW)
        assert (tree(package), names(package.parent)) == (new, ["demo"]), f"after a kill before step {at} of {steps}"


def test_results_of_a_run(tmp_path: Path, steps_of: StepsOf) -> None:
    place = tmp_path / "results"
    old, new = (dict.fromkeys(("a.png", "b.png", "r.json"), text) for text in (b"1", b"2"))
    steps_of(place, old, write=write_results)
    (place / "notes.txt").write_text("mine")
    steps = steps_of(place, new, write=write_results)
    assert steps > 15
    for at in range(1, steps + 1):
        steps_of(place, old, write=write_results)
        steps_of(place, new, at, write_results)
        # Each is whole, and any other write there makes them all old or all new.
        assert all((place / name).read_text() in {"1", "2"} for name in old), f"killed before step {at} of {steps}"
        steps_of(place, {"c.png": b"3"}, write=write_results)
        found = {(place / name).read_text() for name in old}
        assert found in ({"1"}, {"2"}), f"after a kill before step {at} of {steps}"
        assert names(place) == [".comfy2runpod.json", "a.png", "b.png", "c.png", "notes.txt", "r.json"], at
