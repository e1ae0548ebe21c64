"""Places that cannot be written: full, read-only, not a file. Nothing is lost or left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from comfy2runpod.write import Replaceable, WriteError, WriteRefused, write_bytes, write_package, write_results
from tests.cli.command import Done
from tests.cli.command import comfy2runpod as in_process
from tests.compiler.fed_graphs import text
from tests.fork_server import ForkServer
from tests.limited import with_largest_file

from .place import Tree, names, put_users_things, tree

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOBODY = 65534
KIB = 1024


def comfy2runpod(*arguments: str | Path, largest_file: int | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "comfy2runpod", *map(str, arguments)]
    if largest_file is not None:
        command = with_largest_file(largest_file, command)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def graph(place: Path, title: str) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    note = f"name: demo\ntitle: {title}\ninputs: {{width: 5.value, image: 30.image}}\noutputs: {{image: 41}}"
    (place / "demo.json").write_bytes(text(note))
    return place / "demo.json"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A small disk of its own: what is mounted has so many bytes left, in files of a user's that fill the rest."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")

    def with_left(left: int) -> Path:
        (place / "filling").unlink(missing_ok=True)
        free = os.statvfs(place).f_bavail * os.statvfs(place).f_bsize
        (place / "filling").write_bytes(b"x" * max(0, free - left))
        return place

    yield with_left
    subprocess.run(["umount", str(place)], check=True)


def _tells(done: Done | subprocess.CompletedProcess[str], place: str) -> None:
    assert done.returncode == 3, done.stdout + done.stderr
    assert "error[cannot-write]" in done.stderr
    assert place in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("left", [0, 4 * KIB, 16 * KIB, 100 * KIB])
def test_compile_and_docs_on_a_full_disk(disk: Callable[[int], Path], tmp_path: Path, left: int) -> None:
    first, second = graph(tmp_path / "first", "First"), graph(tmp_path / "second", "Second, and longer")
    out = disk(4096 * KIB) / "out"
    assert comfy2runpod("compile", first, "-o", out).returncode == 0
    assert comfy2runpod("docs", out, "-o", out / "site").returncode == 0
    put_users_things(out / "demo")
    disk(left)
    before = tree(out)
    done = comfy2runpod("compile", second, "-o", out, "--force")
    if done.returncode != 0:
        _tells(done, "out/demo")
        assert "No space left on device" in done.stderr
        assert tree(out) == before
    assert done.returncode == 3 or left >= 16 * KIB, done.stdout
    again = comfy2runpod("docs", out / "demo", "-o", out / "another")
    assert again.returncode == 3, "a site is larger than all that is left"
    _tells(again, "out/another")
    assert names(out) == ["demo", "site"]
    disk(4096 * KIB)
    assert comfy2runpod("compile", second, "-o", out).returncode == 0
    assert names(out) == ["demo", "site"]


def test_annotate_on_a_full_disk(disk: Callable[[int], Path]) -> None:
    place = graph(disk(4096 * KIB) / "graphs", "First")
    disk(0)
    before = tree(place.parent)
    _tells(comfy2runpod("annotate", place, "--title", "Second"), "demo.json")
    assert tree(place.parent) == before
    disk(4096 * KIB)
    assert comfy2runpod("annotate", place, "--title", "Second").returncode == 0
    assert names(place.parent) == ["demo.json"]


def test_a_limit_of_a_files_size(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert comfy2runpod("compile", graph(tmp_path / "first", "First"), "-o", out).returncode == 0
    before = tree(out)
    done = comfy2runpod("compile", graph(tmp_path / "second", "Second"), "-o", out, largest_file=2 * KIB)
    _tells(done, "out/demo")
    assert tree(out) == before


def _as_nobody(*arguments: str | Path) -> tuple[int, str, str]:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    done = in_process(*arguments)
    return done.returncode, done.stdout, done.stderr


class Nobody:
    """Commands of another user, in forks of a process that has imported all: that user may have no Python."""

    def __init__(self, forks: ForkServer) -> None:
        self._forks = forks

    def prepare(self, *arguments: str | Path) -> None:
        """Runs a command as ourselves, for what it imports."""
        self._forks.prepare(in_process, *arguments)

    def __call__(self, *arguments: str | Path) -> Done:
        code, told = self._forks.call(_as_nobody, *arguments)
        assert code == 0
        return Done(*told)


@pytest.fixture
def nobody() -> Iterator[Nobody]:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with ForkServer() as forks:
        yield Nobody(forks)


@pytest.fixture
def seen_by_all() -> Iterator[Path]:
    """A folder that every user may look into. Each pytest that starts closes the folder of all `tmp_path`s again."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def test_what_another_user_may_only_read(nobody: Nobody, seen_by_all: Path) -> None:
    out, place = seen_by_all / "out", graph(seen_by_all / "graphs", "First")
    nobody.prepare("compile", place, "-o", out)
    nobody.prepare("docs", out, "-o", seen_by_all / "site")
    nobody.prepare("annotate", place, "--title", "First", "-o", seen_by_all / "first.json")
    nobody.prepare("prompt", place, "-o", seen_by_all / "warm")
    nobody.prepare("run", seen_by_all / "site", "--input", "{}")
    assert (out / "demo" / "handler.py").exists()
    assert (seen_by_all / "site").exists()
    second = graph(seen_by_all / "second", "Second")
    before = tree(seen_by_all, inodes=True)
    _tells(nobody("compile", second, "-o", out), "out/demo")
    _tells(nobody("compile", second, "-o", seen_by_all / "new"), "new/demo")
    _tells(nobody("docs", out, "-o", seen_by_all / "another"), "another")
    _tells(nobody("annotate", place, "--title", "Second"), "demo.json")
    _tells(nobody("run", out / "demo", "--input", "{}", "-o", seen_by_all / "results"), "")
    _tells(nobody("prompt", place, "-o", seen_by_all / "prompts"), "prompts")
    assert nobody("compile", place, "-o", out).returncode == 0, "what is there already needs no writing"
    assert tree(seen_by_all, inodes=True) == before


def test_files_of_other_owners_stay_with_them(nobody: Nobody, seen_by_all: Path) -> None:
    out = seen_by_all / "out"
    out.mkdir()
    os.chown(out, NOBODY, NOBODY)
    first, second = graph(seen_by_all / "first", "First"), graph(seen_by_all / "second", "Second")
    nobody.prepare("compile", first, "-o", seen_by_all / "warm")
    assert nobody("compile", first, "-o", out).returncode == 0
    # As a container that ran as root leaves it: no second name may be given to it.
    secret = out / "demo" / "of_root.txt"
    secret.write_text("of root's")
    secret.chmod(0o600)
    before = tree(out, inodes=True)["demo/of_root.txt"]
    done = nobody("compile", second, "-o", out)
    assert done.returncode == 0, done.stderr
    assert tree(out, inodes=True)["demo/of_root.txt"] == before
    assert names(out) == ["demo"]
    # And a folder that one cannot look into.
    (out / "demo" / "shut").mkdir(mode=0o700)
    whole: Tree = tree(out, inodes=True)
    done = nobody("compile", first, "-o", out)
    _tells(done, "demo/shut")
    assert tree(out, inodes=True) == whole


@pytest.mark.parametrize("what", ["folder", "pipe", "dangling", "loop", "/dev/null", "/dev/full"])
def test_a_single_file_is_not_written_to_what_is_not_a_file(tmp_path: Path, what: str) -> None:
    place = tmp_path / "there"
    match what:
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "dangling":
            place.symlink_to(tmp_path / "nowhere")
        case "loop":
            place.symlink_to(place)
        case device:
            place = Path(device)
    before = tree(tmp_path)
    with pytest.raises(WriteError):
        write_bytes(b"x", place)
    assert tree(tmp_path) == before


def test_behind_a_link_the_file_is_written_and_keeps_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "file"
    real.write_text("old")
    real.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(real, NOBODY, NOBODY)
    owner = real.stat().st_uid
    link = tmp_path / "link"
    link.symlink_to("real/file")
    assert write_bytes(b"new", link)
    assert not write_bytes(b"new", link)
    assert (link.is_symlink(), real.read_text(), oct(real.stat().st_mode)[-3:], real.stat().st_uid) == (
        True, "new", "640", owner,
    )  # fmt: skip
    assert names(real.parent) == ["file"]


def test_a_file_that_was_saved_meanwhile_is_not_lost(tmp_path: Path) -> None:
    place, looks = tmp_path / "graph.json", iter([True, False])
    place.write_text("as it was read")
    # What it was when it was read; then, when all is ready, no longer.
    over = Replaceable(lambda _data: next(looks), "it was saved meanwhile")
    with pytest.raises(WriteRefused, match="it was saved meanwhile"):
        write_bytes(b"new", place, over)
    assert (place.read_text(), names(tmp_path)) == ("as it was read", ["graph.json"])


def test_results_replace_those_of_earlier_runs_alone(tmp_path: Path) -> None:
    place = tmp_path / "results"
    write_results({"a.png": b"1", "response.json": b"{}"}, place)
    (place / "notes.txt").write_text("mine")
    inode = place.stat().st_ino
    write_results({"b.png": b"2", "response.json": b"{2}"}, place)
    assert (place / "a.png").read_bytes() == b"1"
    write_results({"a.png": b"3", "response.json": b"{3}"}, place)
    assert ((place / "a.png").read_bytes(), place.stat().st_ino) == (b"3", inode)
    (place / "a.png").write_bytes(b"retouched")
    for name in ("a.png", "notes.txt"):
        before = tree(place)
        with pytest.raises(WriteRefused, match=name):
            write_results({name: b"4", "response.json": b"{4}"}, place)
        assert tree(place) == before
    write_results({"a.png": b"4", "response.json": b"{4}"}, place, force=True)
    assert (place / "a.png").read_bytes() == b"4"
    assert names(place) == [".comfy2runpod.json", "a.png", "b.png", "notes.txt", "response.json"]


@pytest.mark.parametrize("name", ["../a.png", "/etc/a", "a/b.png", "", ".", "..", "a\0b"])
def test_a_result_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(WriteError):
        write_results({name: b"x"}, tmp_path / "results")
    assert list(tmp_path.rglob("*")) == []


def test_results_do_not_go_into_a_package(tmp_path: Path) -> None:
    write_package({"handler.py": ""}, tmp_path / "demo")
    before = tree(tmp_path)
    with pytest.raises(WriteRefused):
        write_results({"a.png": b"x"}, tmp_path / "demo")
    assert tree(tmp_path) == before
