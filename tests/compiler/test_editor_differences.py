"""A file that tells no editor is converted once where editors cannot differ: with the same outcome as by both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import cast

import pytest

from comfy2runpod import pipeline
from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.editor import PROFILES, EditorProfile
from comfy2runpod.editor_differences import MayDiffer, may_differ
from comfy2runpod.ir.json import Json, JsonObject
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, convert
from comfy2runpod.stages.load import load

TESTS = Path(__file__).parent.parent
TEMPLATES = files("comfyui_workflow_templates_json") / "templates"


def graphs() -> Iterator[tuple[str, bytes]]:
    """Every public template, every case of an editor's rule, and every graph that is refused; none tells its editor."""
    for template in TEMPLATES.iterdir():
        if template.name.endswith(".json"):
            yield from _without_version(template.name, json.loads(template.read_text("utf-8")))
    for case in sorted((TESTS / "compiler" / "editor_cases").glob("*/*.json")):
        yield from _without_version(case.stem, json.loads(case.read_text("utf-8"))["graph"])
    for case in sorted((TESTS / "errors").glob("*/*.json")):
        try:
            graph = json.loads(case.read_text("utf-8"))
        except (ValueError, RecursionError):
            continue
        yield from _without_version(case.stem, graph)


def _without_version(name: str, graph: Json) -> Iterator[tuple[str, bytes]]:
    if isinstance(graph, dict) and isinstance(graph.get("nodes"), list):
        extra = graph.get("extra")
        told = (
            {key: value for key, value in extra.items() if key != "frontendVersion"} if isinstance(extra, dict) else {}
        )
        yield name, json.dumps({**graph, "extra": told}).encode()


def _told(error: CompileError) -> Json:
    """All but the remedies: to look for the nearest names takes longer than the rest."""
    return [f"{found.code} {found.at} {found.reason}" for found in error.diagnostics]


def catalog_of(editor: str) -> Catalog:
    """The shipped classes, as of a ComfyUI that comes with another editor."""
    shipped = load_catalog()
    classes = {name: cast(JsonObject, shipped.raw(name)) for name in shipped}
    return Catalog(comfyui=shipped.comfyui, commit=shipped.commit, editor=editor, classes=classes)


def outcome(data: bytes, name: str, catalog: Catalog) -> Json:
    try:
        return prompt_to_json(convert(data, name, catalog, Options(allow_api_nodes=True)).graph.prompt())
    except CompileError as error:
        return _told(error)


@pytest.mark.parametrize("editor", PROFILES)
def test_what_is_omitted_because_editors_agree_changes_no_outcome(editor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = catalog_of(editor)
    found = dict.fromkeys(MayDiffer, 0)

    def noting(*args: object) -> MayDiffer:
        what = may_differ(*args)  # type: ignore[arg-type]
        found[what] += 1
        return what

    for name, data in graphs():
        monkeypatch.setattr(pipeline, "may_differ", noting)
        shorter = outcome(data, name, catalog)
        monkeypatch.setattr(pipeline, "may_differ", lambda *_: MayDiffer.ANYTHING)
        assert shorter == outcome(data, name, catalog), name
    # The files show all three, and most can be converted once.
    assert all(found.values())
    assert found[MayDiffer.NOTHING] > found[MayDiffer.SHOWN_VALUES] + found[MayDiffer.ANYTHING]


def test_editors_that_cannot_differ_make_one_prompt_of_a_template() -> None:
    first, second = PROFILES.values()
    catalog = load_catalog()
    for name, data in graphs():
        try:
            document = load(data, name)
        except CompileError:
            continue
        if may_differ(document, catalog, first, second) is MayDiffer.NOTHING:
            assert _by(first, data, name) == _by(second, data, name), name


def _by(profile: EditorProfile, data: bytes, name: str) -> Json:
    try:
        options = Options(editor=profile.name, allow_api_nodes=True)
        return prompt_to_json(convert(data, name, load_catalog(), options).graph.prompt())
    except CompileError as error:
        return _told(error)


def test_every_rule_in_which_editors_differ_is_known_to_the_comparison() -> None:
    """A new rule needs a look at `comfy2runpod.editor_differences`: which files can it matter for?"""
    assert {field.name for field in fields(EditorProfile)} == {
        "name",
        "instance_keeps_values",
        "table_decides",
        "wraps_curves",
        "keeps_promoted_choice",
        "opens_promoted_objects",
        "new_color",
        "unpacks_groups",
    }
