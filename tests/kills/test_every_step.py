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


def write(package: Path, at: int, files: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.kills.dying", str(package.parent), str(at), "write", str(package), *files]
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
