"""A folder is written anew, and dies before each single step: old or new stands whole, and the next run clears up."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.write.place import names, put_users_things, tree

ROOT = Path(__file__).parents[2]
OLD = ("handler.py=old", "same.txt=same", "docs/a.md=a", "gone/only.txt=x")
NEW = ("handler.py=new", "same.txt=same", "docs/a.md=b", "more/b.md=c")


def write(place: Path, at: int, files: tuple[str, ...], what: str = "package") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.kills.dying", str(place.parent), str(at), what, str(place), *files]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_folder_that_is_there(tmp_path: Path) -> None:
    package = tmp_path / "out" / "demo"
    write(package, 0, OLD)
    put_users_things(package)
    old = tree(package)
    steps = int(write(package, 0, NEW).stdout)
    new = tree(package)
    write(package, 0, OLD)
    assert tree(package) == old
    assert steps > 40
    seen = set[str]()
    for at in range(1, steps + 1):
        died = write(package, at, NEW)
        assert died.returncode == -signal.SIGKILL, (at, died.stderr)
        there = tree(package)
        assert there in (old, new), f"killed before step {at} of {steps}"
        seen.add("old" if there == old else "new")
        after = write(package, 0, NEW)
        assert after.returncode == 0, after.stderr
        assert (tree(package), names(package.parent)) == (new, ["demo"]), f"after a kill before step {at} of {steps}"
        assert write(package, 0, OLD).returncode == 0
    assert seen == {"old", "new"}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    first = tmp_path / "first" / "demo"
    steps = int(write(first, 0, NEW).stdout)
    new = tree(first)
    for at in range(1, steps + 1):
        package = tmp_path / f"{at}" / "demo"
        assert write(package, at, NEW).returncode == -signal.SIGKILL
        assert not package.exists() or tree(package) == new, f"killed before step {at} of {steps}"
        assert write(package, 0, NEW).returncode == 0
        assert (tree(package), names(package.parent)) == (new, ["demo"]), f"after a kill before step {at} of {steps}"


def test_results_of_a_run(tmp_path: Path) -> None:
    place, old, new = tmp_path / "results", ("a.png=1", "b.png=1", "r.json=1"), ("a.png=2", "b.png=2", "r.json=2")
    write(place, 0, old, "results")
    (place / "notes.txt").write_text("mine")
    steps = int(write(place, 0, new, "results").stdout)
    for at in range(1, steps + 1):
        write(place, 0, old, "results")
        died = write(place, at, new, "results")
        assert died.returncode == -signal.SIGKILL, (at, died.stderr)
        # Each is whole, and any other write there makes them all old or all new.
        assert all((place / name).read_text() in {"1", "2"} for name in ("a.png", "b.png", "r.json")), at
        after = write(place, 0, ("c.png=3",), "results")
        assert after.returncode == 0, after.stderr
        found = {(place / name).read_text() for name in ("a.png", "b.png", "r.json")}
        assert found in ({"1"}, {"2"}), f"after a kill before step {at} of {steps}"
        assert names(place) == [".comfy2runpod.json", "a.png", "b.png", "c.png", "notes.txt", "r.json"], at
