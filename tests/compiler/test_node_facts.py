"""Facts about node classes: the shipped ones are read whole, and those of a pack beside a graph count as they do."""

from __future__ import annotations

import ast
import json
from dataclasses import fields
from importlib import resources
from pathlib import Path

import pytest

import comfy2runpod
from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.catalog.facts.kinds import (
    NOTHING_KNOWN,
    ClassFacts,
    DecidedByExtension,
    SavedType,
    Successor,
    UploadButton,
    VirtualNode,
    WidgetType,
)
from comfy2runpod.catalog.facts.releases import Releases
from comfy2runpod.catalog.facts.table import CORE, shipped_files
from comfy2runpod.catalog.release import RELEASE


def test_every_shipped_fact_of_comfyui_is_of_a_class_that_it_has() -> None:
    """A misspelt name would be a fact of nothing. Nodes of the editor and removed classes are in no catalog."""
    catalog = load_catalog()
    core = next(file for file in shipped_files() if file.pack == CORE)
    unknown = [
        (row.number, name)
        for row in core.rows
        if row.releases.hold(RELEASE.version) and not isinstance(row.fact, (VirtualNode, Successor))
        for name in row.classes
        if name not in catalog
    ]
    assert len(core.rows) > 50
    assert unknown == []


def test_every_kind_of_fact_reaches_the_classes_that_it_is_of() -> None:
    facts = load_catalog().facts
    rows = [row for file in shipped_files() for row in file.rows]
    known = [facts.of(name) for row in rows for name in (*row.classes, *row.beginning, *row.containing)]
    for told in fields(ClassFacts):
        assert any(getattr(one, told.name) != getattr(NOTHING_KNOWN, told.name) for one in known), told.name
    for kind in {type(row.fact) for row in rows} - {WidgetType, UploadButton, SavedType}:
        names = [name for row in rows if isinstance(row.fact, kind) for name in (*row.classes, *row.beginning)]
        assert all(facts.of(name) != NOTHING_KNOWN for name in names), kind


def test_no_shipped_pack_says_anything_of_comfyuis_own_classes() -> None:
    catalog = load_catalog()
    packs = [file for file in shipped_files() if file.pack != CORE]
    assert len(packs) >= 8
    for file in packs:
        assert not {name for row in file.rows for name in row.classes} & set(catalog)
        assert all(row.fact.pack == file.pack for row in file.rows if isinstance(row.fact, DecidedByExtension))


def test_shipped_facts_stand_one_a_line_so_that_a_diff_reads_as_a_list() -> None:
    for entry in resources.files("comfy2runpod").joinpath("catalog/data/facts").iterdir():
        lines = entry.read_text("utf-8").splitlines()
        rows = json.loads(entry.read_text("utf-8"))["facts"]
        assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == rows


def test_no_stage_asks_for_a_class_by_its_name() -> None:
    """What is known of a class is a fact. Messages name classes; a note of ours is a Note or a MarkdownNote."""
    catalog = load_catalog()
    names = set(catalog) | catalog.facts.virtual_names
    root = Path(comfy2runpod.__file__).parent
    found = {
        (path.relative_to(root).as_posix(), part.value)
        for path in root.rglob("*.py")
        if path.parent.name != "errors"
        for part in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value in names
    }
    assert found == {
        ("author/graph_edit.py", "MarkdownNote"),
        ("stages/annotate/annotation.py", "MarkdownNote"),
        ("stages/annotate/annotation.py", "Note"),
    }


@pytest.mark.parametrize(
    ("versions", "version", "holds"),
    [
        ("*", "0.1", True),
        (">=0.21", "0.21.0-rc1", True),
        (">=0.20", "0.20.0", True),
        (">=0.20", "0.19.9", False),
        (">=0.4,<0.31", "0.30.9", True),
        (">=0.4,<0.31", "0.31", False),
        ("<1.2", "v1.1.0", True),
        ("<1.2", "1.10", False),
        # A commit, or nothing at all, may be any release.
        (">=5", "3f20054214fe", True),
        (">=5", None, True),
    ],
)
def test_a_fact_holds_for_the_releases_that_it_names(versions: str, version: str | None, *, holds: bool) -> None:
    assert Releases.parse(versions).hold(version) is holds


@pytest.mark.parametrize("versions", ["*", ">=0.20", "<1.2", ">=0.4,<0.31"])
def test_releases_are_told_as_they_are_written(versions: str) -> None:
    """`catalog show` prints them."""
    assert str(Releases.parse(versions)) == versions


@pytest.mark.parametrize("versions", ["", "0.20", ">0.20", ">=0.20,>=0.21", ">=", "==1", "*,<2"])
def test_what_names_no_releases_is_refused(versions: str) -> None:
    with pytest.raises(ValueError, match="none"):
        Releases.parse(versions)
