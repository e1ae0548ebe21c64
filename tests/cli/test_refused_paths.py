"""Paths that the system refuses: reported with the path, and never as a bug."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .command import ROOT, comfy2runpod

PACKAGE = ROOT / "generated" / "t2i_klein_4b"
GOOD = ROOT / "graphs" / "t2i_klein_4b.json"
LONG = "x" * 510
COMMANDS = (
    ("inspect", "{}"), ("annotate", "{}", "--title", "x"), ("check", "{}"), ("prompt", "{}"), ("compile", "{}"),
    ("lock", "{}"), ("diff", "{}", str(PACKAGE)), ("diff", str(PACKAGE), "{}"),
    ("run", "{}", "--input", "{{}}"), ("serve", "{}"),
    ("docs", "{}"), ("docs", str(PACKAGE), "-o", "{}"), ("compile", str(GOOD), "-o", "{}"),
    ("prompt", str(GOOD), "-o", "{}"), ("check", str(GOOD), "--catalog", "{}"),
    ("annotate", str(GOOD), "--title", "x", "-o", "{}"),
    ("run", str(PACKAGE), "--input", "@{}"), ("run", str(PACKAGE), "--input", "{{}}", "-o", "{}"),
)  # fmt: skip


@pytest.fixture
def loop(tmp_path: Path) -> str:
    """A link that leads to itself, and a path through it."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return str(tmp_path / "loop" / "x")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_name_that_is_too_long_is_not_a_bug(command: tuple[str, ...]) -> None:
    _refused(command, LONG)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_cycle_of_links_is_not_a_bug(command: tuple[str, ...], loop: str) -> None:
    # Which part of the path is named is for Python's version to say.
    _refused(command, loop, loop.removesuffix("/x"))


def _refused(command: tuple[str, ...], path: str, named: str | None = None) -> None:
    done = comfy2runpod(*(part.format(path) for part in command))
    assert done.returncode == 3, done.stderr
    assert "has a bug" not in done.stderr
    assert (named or path)[-20:] in done.stderr.replace("\n", "")


@pytest.mark.parametrize("command", ["check", "compile"])
def test_a_graph_whose_name_leaves_no_room_for_its_lock_has_none(command: str, tmp_path: Path) -> None:
    graph = tmp_path / f"{'x' * 250}.json"
    shutil.copy(GOOD, graph)
    done = comfy2runpod(command, graph, *(["-o", tmp_path / "out"] if command == "compile" else []))
    assert done.returncode == 0, done.stderr
