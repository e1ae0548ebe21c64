"""The answer's JSON Schema -> the models of schema.py that say the same, and in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from comfy2runpod.quoting import Python, Word, python, python_text
from comfy2runpod_contract.json_types import Json, JsonObject

# What the runtime's AnswerFile has for every file; `data` is said again, because what the file is differs.
_OF_EVERY_FILE = frozenset({"url", "expires_at", "media_type", "bytes", "sha256"})
_TYPES: Mapping[str, str] = {"string": "Str", "integer": "Int", "number": "Float", "boolean": "Bool"}
_FAILED = Word("Failed")
_WIDTH = 120


@dataclass(frozen=True, slots=True)
class ModelMember:
    """A member of a model: its type, and with what is said of it. `optional`: it may be absent."""

    name: str
    type: Python
    annotation: Python
    optional: bool


@dataclass(frozen=True, slots=True)
class AnswerModel:
    """A model of schema.py: the answer, or an object in it. `is_file`: it is the runtime's AnswerFile and more."""

    name: Word
    title: str
    members: tuple[ModelMember, ...]
    is_file: bool


def answer_models(schema: JsonObject, files: Mapping[str, Word]) -> tuple[AnswerModel, ...]:
    """The models of an answer, each after those that it holds, the answer's own last.

    `files` has the name of the type of each output's object.
    """
    found: list[AnswerModel] = []
    members = tuple(_members(schema, files, found))
    return (*found, AnswerModel(Word("Output"), "A finished job's output.", members, is_file=False))


def _members(schema: JsonObject, files: Mapping[str, Word], found: list[AnswerModel]) -> Iterator[ModelMember]:
    required = schema.get("required")
    for name, value in _objects(schema.get("properties")):
        optional = not isinstance(required, list) or name not in required
        annotation = _type(name, value, files, found)
        kind = Python(f"{annotation} | None" if optional else annotation)
        said = value.get("description")
        annotated = _annotated(name, kind, said, optional=optional) if isinstance(said, str) else kind
        yield ModelMember(name, kind, annotated, optional)


def _annotated(name: str, kind: Python, said: str, *, optional: bool) -> Python:
    """The type with what is said of it: on one line if it fits."""
    line = f"Annotated[{kind}, Field(description={python(said)})]"
    if len(f"    {name}: {line}{' = None' if optional else ''}") <= _WIDTH:
        return Python(line)
    description = python_text(said, 24, 12)
    return Python(
        f"Annotated[\n        {kind},\n        Field(\n            description={description},\n        ),\n    ]"
    )


def _type(name: str, schema: JsonObject, files: Mapping[str, Word], found: list[AnswerModel]) -> str:
    items, more = schema.get("items"), schema.get("additionalProperties")
    if isinstance(items, dict):
        return f"List[{_type(name, items, files, found)}]"
    if isinstance(more, dict):
        return f"Dict[Str, {_type(name, more, files, found)}]"
    if schema["type"] != "object":
        return _TYPES[str(schema["type"])]
    members = tuple(_members(schema, files, found))
    names = {member.name for member in members}
    if name not in files:
        found.append(AnswerModel(_FAILED, "An output that was not made, and why.", members, is_file=False))
        return _FAILED
    is_file = names >= _OF_EVERY_FILE
    title = f"One file of {name}, and what was measured on it." if is_file else f"One text of {name}."
    own = tuple(member for member in members if not (is_file and member.name in _OF_EVERY_FILE))
    found.append(AnswerModel(files[name], title, own, is_file))
    return files[name]


def _objects(value: Json) -> Iterator[tuple[str, JsonObject]]:
    if isinstance(value, dict):
        yield from ((name, one) for name, one in value.items() if isinstance(one, dict))
