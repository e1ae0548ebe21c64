"""schema.py and the JSON Schemas of a package say the same, in the same words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from comfy2runpod.ir.interface import Interface
from comfy2runpod.stages.emit import emit
from tests.rendering.interfaces import PROMPT, interfaces, variants_of

INTERFACES = {f"{interface.name}-{interface.outputs[0].kind}": interface for interface in interfaces()}


@pytest.fixture(scope="module", params=INTERFACES, ids=INTERFACES)
def made(request: pytest.FixtureRequest) -> tuple[Interface, dict[str, Any], dict[str, Any], dict[str, Any]]:
    """An interface, the models of schema.py, and both JSON Schemas."""
    interface = INTERFACES[request.param]
    files = emit(interface, PROMPT, variants_of(interface))
    scope: dict[str, Any] = {"__name__": "schema"}
    exec(compile(files["schema.py"], "schema.py", "exec", dont_inherit=True), scope)
    takes, gives = (json.loads(files[f"docs/{name}.schema.json"]) for name in ("input", "output"))
    return interface, scope, takes, gives


def test_a_request_is_described_once(made: tuple[Interface, Any, Any, Any]) -> None:
    _, scope, takes, _ = made
    model = scope["Input"].model_json_schema()
    assert _words(model) == _words(takes)
    assert set(model.get("required", ())) == set(takes["required"])
    assert {key: one["title"] for key, one in model["properties"].items()} == {
        key: one["title"] for key, one in takes["properties"].items()
    }


def test_an_answer_is_described_once_in_the_authors_words(made: tuple[Interface, Any, Any, Any]) -> None:
    interface, scope, _, gives = made
    model = scope["Output"].model_json_schema()
    assert _words(model) == _words(gives)
    assert set(model.get("required", ())) == set(gives["required"])
    said = json.dumps(model)
    for output in interface.outputs:
        assert json.dumps(output.description) in said


def test_so_are_the_objects_in_it(made: tuple[Interface, Any, Any, Any]) -> None:
    _, scope, _, gives = made
    definitions = scope["Output"].model_json_schema().get("$defs", {})
    objects = {name: one.get("items", one) for name, one in gives["properties"].items()}
    objects = {name: one for name, one in objects.items() if "properties" in one}
    assert len(objects) == len(definitions)
    found = [(_words(one), set(one.get("required", ()))) for one in definitions.values()]
    for one in objects.values():
        assert (_words(one), set(one["required"])) in found


def _words(schema: dict[str, Any]) -> dict[str, str | None]:
    return {name: one.get("description") for name, one in schema["properties"].items()}
