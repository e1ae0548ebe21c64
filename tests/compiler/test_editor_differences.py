"""A file that tells no editor gets the prompt on which all editors agree, or an error that shows where they differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import cast

import pytest

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.diagnostics import CompileError
from comfy2runpod.editor import PROFILES
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.pipeline import Options, convert
from comfy2runpod.server_check.inputs import unwrapped
from comfy2runpod_contract.json_types import Json, JsonObject

pytestmark = pytest.mark.slow

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
            {key: value for key, value in extra.items() if key not in ("frontendVersion", "groupNodes")}
            if isinstance(extra, dict)
            else {}
        )
        # An editor that unpacks group nodes gives their nodes ids of its own: they have tests of theirs.
        if not (isinstance(extra, dict) and extra.get("groupNodes")):
            yield name, json.dumps({**graph, "extra": told}).encode()


def catalog_of(editor: str) -> Catalog:
    """The shipped classes, as of a ComfyUI that comes with another editor."""
    shipped = load_catalog()
    classes = {name: cast(JsonObject, shipped.raw(name)) for name in shipped}
    return Catalog(comfyui=shipped.comfyui, commit=shipped.commit, editor=editor, classes=classes)


def outcome(data: bytes, name: str, catalog: Catalog, editor: str | None = None) -> Json:
    """The prompt, or the codes of what is wrong and where."""
    try:
        converted = convert(data, name, catalog, Options(editor=editor, allow_api_nodes=True))
    except CompileError as error:
        return [f"{found.code} {found.at}" for found in error.diagnostics]
    return prompt_to_json(converted.graph.prompt())


def values_of(prompt: JsonObject) -> dict[tuple[str, str], Json]:
    """Every input of every node, as the server reads it."""
    nodes = cast(dict[str, dict[str, JsonObject]], prompt)
    return {(key, name): unwrapped(value) for key, node in nodes.items() for name, value in node["inputs"].items()}


@pytest.mark.parametrize("editor", PROFILES)
def test_the_prompt_is_the_one_on_which_editors_agree(editor: str) -> None:
    catalog = catalog_of(editor)
    (other,) = set(PROFILES) - {editor}
    agreed = differed = 0
    for name, data in graphs():
        found, ours, theirs = (outcome(data, name, catalog, by) for by in (None, editor, other))
        if isinstance(found, list) and any(str(told).startswith("editors-disagree") for told in found):
            differed += 1
            if isinstance(ours, dict) and isinstance(theirs, dict):
                assert values_of(ours) != values_of(theirs), name
        else:
            # What an editor cannot open was not saved by it.
            assert found == ours, name
            if isinstance(found, dict) and isinstance(theirs, dict):
                agreed += 1
                assert values_of(found) == values_of(theirs), name
    assert agreed > 400
    assert differed > 20
