"""What the worker's models take and give is what the documents say: key by key, bounds, choices and words."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from comfy2runpod.ir.interface import Interface
from comfy2runpod.stages.emit import emit

from .interfaces import PROMPT, interfaces, variants_of

ALL = interfaces()
# Beside pydantic's own titles of keys and classes.
_COMPARED = (
    "type", "enum", "minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "uniqueItems", "pattern",
    "format", "contentEncoding", "contentMediaType", "x-media", "x-formats", "x-max-bytes", "x-max-pixels",
    "x-max-aspect",
)  # fmt: skip


@pytest.fixture(scope="module", params=range(len(ALL)), ids=lambda number: f"{number}-{ALL[number].name}")
def package(request: pytest.FixtureRequest) -> tuple[Interface, ModuleType, dict[str, Any], dict[str, Any]]:
    interface = ALL[request.param]
    files = emit(interface, PROMPT, variants_of(interface))
    module = ModuleType("schema")
    exec(compile(files["schema.py"], "schema.py", "exec", dont_inherit=True), vars(module))
    read = [json.loads(files[f"docs/{name}.schema.json"]) for name in ("input", "output")]
    return interface, module, read[0], read[1]


def plain(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """A schema in one form, whoever wrote it: without references, and with `nullable` in the place of a null."""
    if "$ref" in schema:
        named = root["$defs"][schema["$ref"].rpartition("/")[2]]
        schema = {**named, **{key: value for key, value in schema.items() if key != "$ref"}}
    options = schema.get("anyOf", [])
    if len(options) == 2 and {"type": "null"} in options:
        (other,) = (option for option in options if option != {"type": "null"})
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**plain(other, root), **{key: rest[key] for key in rest}, "nullable": True}
    found = dict(schema)
    kinds = found.get("type")
    if isinstance(kinds, list):
        found["nullable"] = "null" in kinds
        (found["type"],) = (kind for kind in kinds if kind != "null")
    if "const" in found:
        found["enum"] = [found.pop("const")]
    if "enum" in found:
        found["nullable"] = found.get("nullable", False) or None in found["enum"]
        found["enum"] = [value for value in found["enum"] if value is not None]
        found.setdefault("type", "string" if all(isinstance(value, str) for value in found["enum"]) else "integer")
    if found.get("minLength") == 0:
        del found["minLength"]
    if isinstance(found.get("items"), dict):
        found["items"] = plain(found["items"], root)
    if isinstance(found.get("additionalProperties"), dict):
        found["additionalProperties"] = plain(found["additionalProperties"], root)
    if "properties" in found:
        found["properties"] = {key: plain(value, root) for key, value in found["properties"].items()}
    return found


def differences(path: str, said: dict[str, Any], held: dict[str, Any], *, answer: bool) -> list[str]:
    """Where the documents (`said`) and a model (`held`) part."""
    found = [
        f"{path}: {word} is {said.get(word)} in the documents, {held.get(word)} in the model"
        for word in _COMPARED
        if said.get(word) != held.get(word) and not (word == "enum" and "x-step" in said)
    ]
    found += [
        f"{path}: {word}: {said[word]!r}, {held.get(word)!r}"
        for word in ("title", "description")
        if word in said and said[word] != held.get(word)
    ]
    # To pydantic, a key that an answer may lack is null.
    if not answer and said.get("nullable", False) != held.get("nullable", False):
        found.append(f"{path}: null")
    if not answer and said.get("default", "none") != held.get("default", "none"):
        found.append(f"{path}: default {said.get('default')!r}, {held.get('default')!r}")
    for word in ("items", "additionalProperties"):
        if isinstance(said.get(word), dict):
            found += differences(f"{path}[]", said[word], held.get(word) or {}, answer=answer)
        elif word == "additionalProperties" and said.get(word) != held.get(word):
            found.append(f"{path}: other keys")
    if "properties" in said:
        if list(said["properties"]) != list(held.get("properties", {})):
            return [*found, f"{path}: keys {list(said['properties'])}, {list(held.get('properties', {}))}"]
        if set(said.get("required", [])) != set(held.get("required", [])):
            found.append(f"{path}: required {said.get('required')}, {held.get('required')}")
        for key, one in said["properties"].items():
            found += differences(f"{path}.{key}", one, held["properties"][key], answer=answer)
    return found


def test_the_input(package: tuple[Interface, ModuleType, dict[str, Any], dict[str, Any]]) -> None:
    _, module, said, _ = package
    held = module.Input.model_json_schema()
    assert differences("input", plain(said, said), plain(held, held), answer=False) == []


def test_the_output(package: tuple[Interface, ModuleType, dict[str, Any], dict[str, Any]]) -> None:
    _, module, _, said = package
    held = module.Output.model_json_schema()
    assert differences("output", plain(said, said), plain(held, held), answer=True) == []


def test_a_difference_is_found(package: tuple[Interface, ModuleType, dict[str, Any], dict[str, Any]]) -> None:
    """What the comparison is worth: every key taken out and every word and bound changed, one at a time."""
    _, module, _, said = package
    held = plain(schema := module.Output.model_json_schema(), schema)
    changes = 0
    for name, one in said["properties"].items():
        rest = {key: value for key, value in said["properties"].items() if key != name}
        changed = [{**said, "properties": rest}]
        changed += [
            {
                **said,
                "properties": {**said["properties"], name: {**one, word: ["other"] if word == "enum" else "other"}},
            }
            for word in one
            if word in (*_COMPARED, "description")
        ]
        for other in changed:
            changes += 1
            assert differences("output", plain(other, other), held, answer=True), (name, other)
    assert changes > len(said["properties"])
