"""What is read because it stands beside a graph is never a file elsewhere that a link leads to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .command import ROOT, comfy2runpod

GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"
LOCK = GRAPH.with_suffix(".lock.json")
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)
BESIDE = {
    "t.png": PICTURE,
    "t.jpg": PICTURE,
    "t.lock.json": LOCK.read_bytes() if LOCK.is_file() else b'{"version": 1, "files": []}',
    "catalog/a.json": b'{"classes": {}}',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "g").mkdir()
    shutil.copy(GRAPH, tmp_path / "g" / "t.json")
    return tmp_path / "g"


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize("command", [("compile", "-o", "../out"), ("check",)])
def test_a_link_out_of_the_folder_is_refused(folder: Path, name: str, command: tuple[str, ...]) -> None:
    if command[0] == "check" and name.startswith("t.") and not name.endswith(".json"):
        pytest.skip("check shows no picture")
    private = folder.parent / "private"
    private.write_bytes(BESIDE[name])
    place = folder / name
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(private)
    done = comfy2runpod(*command, "t.json", cwd=folder)
    assert (done.returncode, f"error[link-leads-out]: {name}" in done.stderr) == (1, True), done.stderr
    assert not (folder.parent / "out").exists()


def test_a_catalog_folder_that_is_a_link_out_is_refused(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "a.json").write_bytes(BESIDE["catalog/a.json"])
    (folder / "catalog").symlink_to("../elsewhere")
    done = comfy2runpod("check", "t.json", cwd=folder)
    assert (done.returncode, "catalog/a.json" in done.stderr) == (1, True), done.stderr


def test_links_within_the_folder_and_a_graph_that_is_named_by_one_are_read(folder: Path) -> None:
    (folder / "pictures").mkdir()
    (folder / "pictures" / "a.png").write_bytes(PICTURE)
    (folder / "t.png").symlink_to("pictures/a.png")
    (folder.parent / "to").symlink_to(folder)
    (folder.parent / "one.json").symlink_to(folder / "t.json")
    for graph in ("to/t.json", "one.json"):
        done = comfy2runpod("compile", graph, "-o", "out", cwd=folder.parent)
        assert done.returncode == 0, done.stderr
