"""Folders that we write: what is ours is replaced, everything else stays as it is, file for file."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from comfy2runpod.errors.files import ChangedByHand, NotOurs
from comfy2runpod.write import MANIFEST, WriteError, WriteRefused, exchange, write_package, write_site
from comfy2runpod.write.workplace import _MARK

from .place import names, put_users_things, tree

OLD = {
    "handler.py": "old",
    "same.txt": "same",
    "docs/a.md": "a",
    "gone/only.txt": "x",
    "gone/too.txt": "y",
    "run.sh": "1",
}
NEW = {"handler.py": "new", "same.txt": "same", "docs/a.md": "b", "docs/more/c.md": "c", "run.sh": "1"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "out" / "demo"
    write_package(OLD, folder)
    return folder


def refused(files: dict[str, str], folder: Path, *, force: bool = False) -> NotOurs | ChangedByHand:
    before = tree(folder.parent)
    with pytest.raises(WriteRefused) as error:
        write_package(files, folder, force=force)
    assert tree(folder.parent) == before
    found = error.value.diagnostics[0]
    assert isinstance(found, (NotOurs, ChangedByHand))
    return found


def test_the_manifest_says_what_was_written(package: Path) -> None:
    told = json.loads((package / MANIFEST).read_text())
    assert (told["version"], told["kind"], sorted(told["files"])) == (1, "package", sorted(OLD))
    write_package(OLD, package.parent / "again")
    assert tree(package.parent / "again") == tree(package)


def test_files_of_an_earlier_run_are_replaced_and_others_stay(package: Path) -> None:
    mine = put_users_things(package)
    before = tree(package, inodes=True)
    written = write_package(NEW, package)
    assert (written.changed, written.kept, written.overwritten) == (True, (), ())
    after = tree(package, inodes=True)
    assert {name: after[name] for name in mine} == {name: before[name] for name in mine}
    assert {name: (package / name).read_text() for name in NEW} == NEW
    assert not (package / "gone").exists()
    assert after["same.txt"] == before["same.txt"], "what stays the same stays the same file"
    assert names(package.parent) == ["demo"]


def test_nothing_is_touched_where_nothing_changed(package: Path) -> None:
    inode, before = package.stat().st_ino, tree(package, inodes=True)
    assert not write_package(OLD, package).changed
    assert (package.stat().st_ino, tree(package, inodes=True)) == (inode, before)


def test_a_file_that_was_changed_by_hand_is_named_and_not_lost(package: Path) -> None:
    (package / "handler.py").write_text("my own")
    found = refused(NEW, package)
    assert isinstance(found, ChangedByHand)
    assert found.changed == ("handler.py",)
    assert write_package(NEW, package, force=True).overwritten == ("handler.py",)
    assert (package / "handler.py").read_text() == "new"


def test_a_change_by_hand_that_is_made_anyway_is_no_loss(package: Path) -> None:
    (package / "handler.py").write_text("new")
    assert write_package(NEW, package).overwritten == ()


def test_a_file_that_was_removed_by_hand_is_written_again(package: Path) -> None:
    (package / "handler.py").unlink()
    write_package(OLD, package)
    assert (package / "handler.py").read_text() == "old"


def test_a_users_file_where_a_new_one_goes_is_not_lost(package: Path) -> None:
    (package / "docs" / "more").mkdir()
    (package / "docs" / "more" / "c.md").write_text("mine")
    found = refused(NEW, package)
    assert isinstance(found, ChangedByHand)
    assert found.foreign == ("docs/more/c.md",)
    assert write_package(NEW, package, force=True).overwritten == ("docs/more/c.md",)


def test_a_changed_file_that_is_made_no_longer_stays_and_is_reported(package: Path) -> None:
    (package / "gone" / "only.txt").write_text("mine now")
    assert write_package(NEW, package).kept == ("gone/only.txt",)
    assert (package / "gone" / "only.txt").read_text() == "mine now"
    assert not (package / "gone" / "too.txt").exists()
    assert write_package(OLD | {"gone/only.txt": "mine now"}, package).overwritten == ()


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("what", ["file", "link", "dangling", "pipe"])
def test_what_is_not_a_folder_is_never_replaced(tmp_path: Path, what: str, force: bool) -> None:
    place = tmp_path / "demo"
    (tmp_path / "other").mkdir()
    match what:
        case "file":
            place.write_text("mine")
        case "link":
            place.symlink_to("other")
        case "dangling":
            place.symlink_to("nowhere")
        case _:
            os.mkfifo(place)
    assert isinstance(refused(NEW, place, force=force), NotOurs)


@pytest.mark.parametrize("name", ["thesis.txt", "workflow_api.json", "handler.py"])
def test_a_folder_without_a_manifest_is_not_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / name).write_text("Generated by comfy2runpod 0.0.1" if name == "handler.py" else "{}")
    found = refused(NEW, tmp_path / "demo")
    assert isinstance(found, NotOurs)
    assert ("a version that listed no files" in found.reason) == (name == "handler.py")
    write_package(NEW, tmp_path / "demo", force=True)
    assert (tmp_path / "demo" / name).exists()


def test_an_empty_folder_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir(mode=0o750)
    write_package(NEW, tmp_path / "demo")
    assert stat.S_IMODE((tmp_path / "demo").stat().st_mode) == 0o750


def test_a_site_does_not_become_a_package(tmp_path: Path) -> None:
    write_site({"index.html": b""}, tmp_path / "demo")
    for force in (False, True):
        assert isinstance(refused(NEW, tmp_path / "demo", force=force), NotOurs)


@pytest.mark.parametrize(
    "manifest",
    [
        b"", b"{", b"[]", b"{}", b"[" * 100_000,
        *(
            json.dumps({"version": 1, "generator": "x", "kind": "package", "files": {path: "0" * 64}}).encode()
            for path in ("../victim", "/etc/passwd", "a/../../victim", "a//b", "", ".", "a\0b", "..\\victim")
        ),
        json.dumps({"version": 1, "generator": "x", "kind": "package", "files": {"a": "no hash"}}).encode(),
        json.dumps({"version": 2, "generator": "x", "kind": "package", "files": {}}).encode(),
    ],
)  # fmt: skip
def test_a_strangers_manifest_leads_nowhere(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / MANIFEST).write_bytes(manifest)
    assert isinstance(refused(NEW, tmp_path / "demo"), NotOurs)
    write_package(NEW, tmp_path / "demo", force=True)
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_written_through_a_link_inside(package: Path, force: bool) -> None:
    other = package.parent.parent / "elsewhere"
    other.mkdir()
    (package / "docs" / "a.md").unlink()
    (package / "docs").rmdir()
    (package / "docs").symlink_to(other)
    with pytest.raises(WriteError, match="a link stands in the place of a folder"):
        write_package(NEW, package, force=force)
    assert list(other.iterdir()) == []


def test_a_link_in_a_files_place_is_replaced_by_force_and_not_what_it_points_to(package: Path) -> None:
    other = package.parent.parent / "victim"
    other.write_text("mine")
    (package / "handler.py").unlink()
    (package / "handler.py").symlink_to(other)
    refused(NEW, package)
    write_package(NEW, package, force=True)
    assert (other.read_text(), (package / "handler.py").is_symlink()) == ("mine", False)


def test_output_may_go_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    write_package(OLD, tmp_path / "out" / "demo")
    write_package(NEW, tmp_path / "out" / "demo")
    assert (tmp_path / "real" / "demo" / "handler.py").read_text() == "new"


@pytest.mark.parametrize(
    ("umask", "file", "folder"),
    [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)],
)
def test_modes_are_those_of_the_umask(tmp_path: Path, umask: int, file: int, folder: int) -> None:
    before = os.umask(umask)
    try:
        write_package(NEW, tmp_path / "demo")
    finally:
        os.umask(before)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in [tmp_path / "demo", *(tmp_path / "demo").rglob("*")]
    }
    assert {modes.pop(name) for name in ("demo", "docs", "more", "run.sh")} == {folder}
    assert set(modes.values()) == {file}


def test_a_file_system_that_exchanges_nothing_will_do(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object) -> None:
        raise OSError(errno.EINVAL, "no")

    monkeypatch.setattr(exchange, "_exchange", cannot)
    mine = put_users_things(package)
    before = tree(package)
    write_package(NEW, package)
    assert {name: tree(package)[name] for name in mine} == {name: before[name] for name in mine}
    assert names(package.parent) == ["demo"]


def test_a_file_system_without_further_names_will_do(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "link", cannot)
    mine = put_users_things(package)
    before = tree(package)
    write_package(NEW, package)
    assert {name: tree(package)[name] for name in mine} == {name: before[name] for name in mine}
    assert names(package.parent) == ["demo"]


def test_a_file_that_is_saved_during_the_write_is_not_lost(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_users_things(package)
    real = exchange._exchange

    def meanwhile(new: Path, folder: Path) -> None:
        # As an editor saves: a new file takes the name.
        (folder / "README.tmp").write_text("saved anew")
        (folder / "README.tmp").replace(folder / "README.md")
        (folder / "new.txt").write_text("just made")
        (folder / "handler.py").write_text("edited just now")
        real(new, folder)

    monkeypatch.setattr(exchange, "_exchange", meanwhile)
    write_package(NEW, package)
    assert (package / "README.md").read_text() == "saved anew"
    assert (package / "new.txt").read_text() == "just made"
    assert (package / "handler.py").read_text() == "new"
    assert (package / "handler.py.1.saved").read_text() == "edited just now"


def test_an_error_halfway_leaves_all_as_it_was(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_users_things(package)
    before = tree(package.parent, inodes=True)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(exchange, "_exchange", full)
    with pytest.raises(WriteError, match="No space left on device"):
        write_package(NEW, package)
    assert tree(package.parent, inodes=True) == before


@pytest.mark.parametrize("after", [False, True])
def test_an_interrupt_at_the_exchange_leaves_old_or_new(
    package: Path, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    put_users_things(package)
    real = exchange._exchange

    def interrupted(new: Path, folder: Path) -> None:
        if after:
            real(new, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(exchange, "_exchange", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_package(NEW, package)
    assert (package / "handler.py").read_text() == ("new" if after else "old")
    assert (package / ".git" / "HEAD").exists()
    assert names(package.parent) == ["demo"]


def test_what_cannot_be_cleared_away_is_reported_and_cleared_by_the_next_run(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_users_things(package)
    before = tree(package)

    def cannot(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(exchange, "_settle", cannot)
        with pytest.raises(WriteError, match="The new files are in place"):
            write_package(NEW, package)
    assert (package / "handler.py").read_text() == "new"
    assert len(names(package.parent)) == 2
    write_package(OLD, package)
    assert (tree(package), names(package.parent)) == (before, ["demo"])


def test_folders_that_were_made_for_nothing_go(tmp_path: Path) -> None:
    with pytest.raises(WriteError):
        write_package({"x" * 300: "too long a name"}, tmp_path / "a" / "b" / "demo")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_that_one_stands_in_can_be_written(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(package)
    write_package(NEW, Path("../demo"))
    assert Path.cwd() == package
    assert Path("handler.py").read_text() == "new"
    write_site({"index.html": b""}, Path("../site"))
    monkeypatch.chdir(package.parent / "site")
    write_site({"index.html": b"new"}, Path())
    assert Path("index.html").read_bytes() == b"new"


def _write_again_and_again(folder: Path, times: int) -> None:
    for number in range(times):
        write_package({**NEW, "handler.py": f"{os.getpid()} {number}", "docs/a.md": f"{os.getpid()} {number}"}, folder)


@pytest.mark.slow
def test_concurrent_writers_leave_a_complete_folder_at_any_time(package: Path) -> None:
    put_users_things(package)
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write_again_and_again, args=(package, 15)) for _ in range(3)]
    for writer in writers:
        writer.start()
    looked = 0
    while any(writer.is_alive() for writer in writers):
        # By the folder itself: a name that is looked up twice may be two folders.
        fd = os.open(package, os.O_RDONLY)
        try:
            first, second = (_read(fd, name) for name in ("handler.py", "docs/a.md"))
        except FileNotFoundError:
            continue
        finally:
            os.close(fd)
        looked += 1
        assert first == second or {first, second} == {"old", "a"}
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert looked > 10
    assert (package / ".git" / "HEAD").exists()
    assert names(package.parent) == ["demo"]


def _read(folder: int, name: str) -> str:
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("kind", ["pipe", "empty", "text", "longer"])
def test_a_file_of_the_users_with_the_name_of_our_lock_is_left_alone(package: Path, kind: str) -> None:
    write_package(NEW, package)
    lock = package.parent / ".comfy2runpod.lock"
    assert not lock.exists()
    match kind:
        case "pipe":
            os.mkfifo(lock)
        case "empty":
            lock.touch()
        case "text":
            lock.write_text("mine")
        case "longer":
            lock.write_bytes(_MARK + b"and what I wrote below it")
    before = lock.lstat()
    write_package({**NEW, "more.py": "1"}, package)
    after = lock.lstat()
    assert (after.st_ino, after.st_mode, after.st_size, after.st_mtime_ns) == (
        before.st_ino, before.st_mode, before.st_size, before.st_mtime_ns,
    )  # fmt: skip
    assert names(package.parent) == [".comfy2runpod.lock", "demo"]


def test_what_only_looks_like_ours_is_left_alone(package: Path) -> None:
    theirs = package.parent / ".comfy2runpod-0123456789abcdef"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years")
    (package.parent / ".comfy2runpod-notes").write_text("mine")
    (package.parent / ".comfy2runpod.lock").write_text("not empty: not ours")
    write_package(NEW, package)
    assert (theirs / "thesis.txt").read_text() == "years"
    assert names(package.parent) == [
        ".comfy2runpod-0123456789abcdef", ".comfy2runpod-notes", ".comfy2runpod.lock", "demo",
    ]  # fmt: skip
