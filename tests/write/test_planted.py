"""Work folders that a download brought along: nothing in them is carried out, and nothing outside is touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from comfy2runpod.errors.files import NotProvenOurs
from comfy2runpod.write import WriteRefused, check_room, write_package, write_results, write_site, write_text
from tests.cli.command import comfy2runpod
from tests.fork_server import ForkServer

from .place import names, tree

ROOT = Path(__file__).parents[2]
NAME = ".comfy2runpod-0123456789abcdef"
MARK = {"made by": "comfy2runpod", "what": "being written; the next run clears it"}
OWNERS = {
    "empty": "{}",
    "as ours": json.dumps(MARK),
    "with a seal": json.dumps({**MARK, "seal": "0" * 64}),
    "with a seal of another type": json.dumps({**MARK, "seal": ["0" * 64, "é"]}),
    "cut off": json.dumps(MARK)[:30],
    "a list": "[]",
    "no JSON": "\ufeffx",
}
# What could be a run's of this user elsewhere; all others are plainly somebody's.
DOUBTFUL = {"as ours", "with a seal", "with a seal of another type"}
EXCHANGED = json.dumps({"folder": "loot", "manifest": 1, "drop": {}})
# What a stranger puts into it: links by path, files by path.
PLANTED: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "a new folder that is a link": ({"new": "../../victim"}, {}),
    "an old folder that is a link": ({"old": "../../victim"}, {"state.json": EXCHANGED}),
    "results that are a link": ({"new": "../../victim"}, {"state.json": json.dumps({"seen": {}})}),
    "a repository's configuration": (
        {}, {"old/config": "[core]", "old/hooks/pre-commit": "id", "state.json": EXCHANGED.replace("loot", ".git")},
    ),
    "files for the graphs' folder": ({}, {"new/graph.json": "evil", "state.json": json.dumps({"seen": {}})}),
    "files that are to be removed": (
        {}, {"new/a": "", "state.json": json.dumps({"folder": "mine", "manifest": 1, "drop": {"notes.txt": "x"}})},
    ),
}  # fmt: skip


def plant(parent: Path, kind: str, owner: str) -> Path:
    """A user's files, and a work folder as a repository would bring it."""
    for path in (
        "victim/thesis.txt",
        "victim/sub/key",
        "clone/loot/mine.txt",
        "clone/.git/config",
        "clone/mine/notes.txt",
    ):
        (parent / path).parent.mkdir(parents=True, exist_ok=True)
        (parent / path).write_text("the user's")
    (parent / "clone" / "graph.json").write_text("the user's")
    place = parent / "clone" / NAME
    place.mkdir()
    (place / "owner.json").write_text(owner)
    links, files = PLANTED[kind]
    for path, target in links.items():
        (place / path).symlink_to(target)
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    return parent / "clone"


WRITES = {
    "a package": lambda clone: write_package({"handler.py": "x"}, clone / "demo"),
    "a site": lambda clone: write_site({"index.html": b"x"}, clone / "site"),
    "a file": lambda clone: write_text("x", clone / "lock.json"),
    "results": lambda clone: write_results({"image.png": b"x"}, clone),
    "results that are to come": lambda clone: check_room(clone, lambda _: False, force=False),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("kind", PLANTED)
def test_nothing_is_carried_out(kind: str, owner: str, write: str, tmp_path: Path) -> None:
    clone = plant(tmp_path, kind, OWNERS[owner])
    before = tree(tmp_path)
    if owner in DOUBTFUL:
        with pytest.raises(WriteRefused) as error:
            WRITES[write](clone)
        assert isinstance(error.value.diagnostics[0], NotProvenOurs)
        assert tree(tmp_path) == before
        return
    WRITES[write](clone)
    after = tree(tmp_path)
    assert {name: after.get(name) for name in before} == before
    # Only what was asked for.
    made = {name.split("/")[1] for name in after if name not in before}
    assert made <= {"demo", "site", "lock.json", "image.png", ".comfy2runpod.json"}


def test_a_command_says_what_it_found(tmp_path: Path) -> None:
    clone = plant(tmp_path, "a repository's configuration", OWNERS["as ours"])
    shutil.copy(ROOT / "graphs" / "t2i_klein_4b.json", clone / "graph.json")
    before = tree(tmp_path)
    done = comfy2runpod("annotate", "graph.json", "--input", "steps=30.steps,min=1,max=9", cwd=clone)
    assert done.returncode == 1
    assert f"error[work-folder-not-ours]: {NAME}" in done.stderr
    assert tree(tmp_path) == before


def _killed(place: Path) -> int:
    """Ends as by SIGKILL when everything is prepared."""
    from comfy2runpod.write import folder  # noqa: PLC0415 - in a process of its own

    folder.exchange = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    write_package({"handler.py": "new"}, place)
    return 0


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """The work folder of a run that was killed, beside a package."""
    package = tmp_path / "out" / "demo"
    write_package({"handler.py": "old"}, package)
    with ForkServer() as forks:
        code, _ = forks.call(_killed, package)
    assert code == -signal.SIGKILL
    (place,) = package.parent.glob(".comfy2runpod-*")
    assert (place / "state.json").is_file()
    (package.parent / ".comfy2runpod.lock").unlink()
    return place


def test_what_a_killed_run_of_ours_left_is_cleared(left: Path) -> None:
    write_package({"handler.py": "old"}, left.parent / "demo")
    assert names(left.parent) == ["demo"]


def test_a_copy_of_it_is_not_ours(left: Path, tmp_path: Path) -> None:
    copy = tmp_path / "download"
    shutil.copytree(left.parent, copy)
    before = tree(copy)
    with pytest.raises(WriteRefused) as error:
        write_package({"handler.py": "new"}, copy / "demo")
    assert isinstance(error.value.diagnostics[0], NotProvenOurs)
    assert tree(copy) == before


@pytest.mark.parametrize("readable", [False, True])
def test_another_user_does_not_take_it(
    left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    if readable:
        # As a repository could carry it: a key that everybody may read is none.
        (state / "comfy2runpod").mkdir(parents=True)
        (state / "comfy2runpod" / "work-folders.key").write_bytes(bytes(32))
        (state / "comfy2runpod" / "work-folders.key").chmod(0o644)
    before = tree(left.parent)
    with pytest.raises(WriteRefused) as error:
        write_package({"handler.py": "new"}, left.parent / "demo")
    assert isinstance(error.value.diagnostics[0], NotProvenOurs)
    assert tree(left.parent) == before


def test_without_a_place_for_a_key_files_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert write_package({"handler.py": "x"}, tmp_path / "out" / "demo").changed
    assert names(tmp_path / "out") == ["demo"]


def test_a_run_that_was_killed_before_it_had_said_whose_it_is_is_cleared(tmp_path: Path) -> None:
    for number, content in enumerate((None, "", json.dumps(MARK)[:20], json.dumps(MARK)[:-1] + ', "seal": "ab')):
        place = tmp_path / f".comfy2runpod-{number:016x}"
        place.mkdir()
        if content is not None:
            (place / "owner.json").write_text(content)
    write_text("x", tmp_path / "lock.json")
    assert names(tmp_path) == ["lock.json"]
