"""Temporary folders: those of killed processes are removed with the next one, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from comfy2runpod_contract.scratch import scratch_folder

HOLDER = """
import sys, time
from comfy2runpod_contract.scratch import scratch_folder
with scratch_folder("run") as folder:
    (folder / "input.json").write_text("a caller's")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_a_folder_is_gone_with_its_context(root: Path) -> None:
    with scratch_folder("run") as folder:
        assert folder.parent == root
        assert folder.name.startswith("comfy2runpod-run-")
        (folder / "file").write_text("x")
    assert list(root.iterdir()) == []


def test_the_folder_of_a_killed_process_goes_with_the_next_and_one_that_is_held_stays(root: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) as process:
        theirs = Path(process.stdout.readline().strip())
        with scratch_folder("worker"):
            assert (theirs / "input.json").exists()
        process.kill()
        process.wait(60)
    assert theirs.exists()
    with scratch_folder("worker") as folder:
        assert list(root.iterdir()) == [folder]


def test_an_empty_folder_of_a_process_that_was_killed_while_it_made_or_removed_it_goes_once_it_is_old(
    root: Path,
) -> None:
    old, new, named_otherwise = (
        root / name
        for name in ("comfy2runpod-worker-a1_b2c3d", "comfy2runpod-worker-zzzzzzzz", "comfy2runpod-worker-mine")
    )
    for folder, age in ((old, 3600), (new, 0), (named_otherwise, 3600)):
        folder.mkdir()
        os.utime(folder, (time.time() - age,) * 2)
    full = root / "comfy2runpod-worker-a1_b2c3e"
    (full / "file").mkdir(parents=True)
    os.utime(full, (time.time() - 3600,) * 2)
    with scratch_folder("worker") as folder:
        assert sorted(root.iterdir()) == sorted((new, named_otherwise, full, folder))


def test_what_only_has_such_a_name_stays(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".comfy2runpod-scratch").touch()
    (root / "comfy2runpod-run-mine").mkdir()
    (root / "comfy2runpod-run-link").symlink_to(elsewhere)
    (root / "comfy2runpod-run-file").touch()
    (root / "comfy2runpod-run-odd").mkdir()
    (root / "comfy2runpod-run-odd" / ".comfy2runpod-scratch").symlink_to("/etc/hostname")
    before = sorted(root.iterdir())
    with scratch_folder("run"):
        pass
    assert sorted(root.iterdir()) == before
    assert (elsewhere / ".comfy2runpod-scratch").exists()
