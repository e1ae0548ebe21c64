"""The answer's JSON Schema -> the models of schema.py that say the same, and in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from comfy2runpod.quoting import Python, Word, python_list, python_source, python_text
from comfy2runpod_contract.json_types import Json, JsonObject

# What the runtime's AnswerFile has for every file; `data` and `media_type` are said again, because they differ.
_OF_EVERY_FILE = frozenset({"url", "expires_at", "bytes", "sha256"})
# Keywords of JSON Schema that pydantic has arguments for, and those that it only repeats in its own schemas.
_ARGUMENTS: Mapping[str, str] = {"minimum": "ge", "maximum": "le", "minItems": "min_length", "pattern": "pattern"}
_REPEATED = ("contentEncoding", "contentMediaType", "format")
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
    return (*found, AnswerModel(Word("Output"), str(schema["description"]), members, is_file=False))


def _members(schema: JsonObject, files: Mapping[str, Word], found: list[AnswerModel]) -> Iterator[ModelMember]:
    required = schema.get("required")
    for name, value in _objects(schema.get("properties")):
        optional = not isinstance(required, list) or name not in required
        annotation = _type(name, value, files, found)
        kind = Python(f"{annotation} | None" if optional else annotation)
        annotated = _annotated(name, kind, value, optional=optional)
        yield ModelMember(name, kind, annotated, optional)


def _annotated(name: str, kind: Python, schema: JsonObject, *, optional: bool) -> Python:
    """The type with what its schema demands and says of it: on one line if it fits."""
    arguments = [*_arguments(schema)]
    said = schema.get("description")
    if not arguments and not isinstance(said, str):
        return kind
    short = [*arguments, *([python_source("description={}", said)] if isinstance(said, str) else [])]
    line = f"Annotated[{kind}, Field({', '.join(short)})]"
    if len(f"    {name}: {line}{' = None' if optional else ''}") <= _WIDTH:
        return Python(line)
    if isinstance(said, str):
        arguments.append(python_source("description={}", python_text(said, 24, 12)))
    inner = "".join(f"            {argument},\n" for argument in arguments)
    return Python(f"Annotated[\n        {kind},\n        Field(\n{inner}        ),\n    ]")


def _arguments(schema: JsonObject) -> Iterator[Python]:
    for keyword, argument in _ARGUMENTS.items():
        if keyword in schema:
            yield python_source("{}={}", Python(argument), schema[keyword])
    repeated: JsonObject = {keyword: schema[keyword] for keyword in _REPEATED if keyword in schema}
    if repeated:
        yield python_source("json_schema_extra={}", repeated)


def _type(name: str, schema: JsonObject, files: Mapping[str, Word], found: list[AnswerModel]) -> str:
    items, more = schema.get("items"), schema.get("additionalProperties")
    if isinstance(items, dict):
        return f"List[{_type(name, items, files, found)}]"
    if isinstance(more, dict):
        bounds = ", ".join(_arguments(more))
        value = _type(name, more, files, found)
        return f"Dict[Str, Annotated[{value}, Field({bounds})]]" if bounds else f"Dict[Str, {value}]"
    values = schema.get("enum")
    if isinstance(values, list):
        return f"Literal[{python_list(values)}]"
    if schema["type"] != "object":
        return _TYPES[str(schema["type"])]
    members = tuple(_members(schema, files, found))
    names = {member.name for member in members}
    if name not in files:
        found.append(AnswerModel(_FAILED, str(schema["description"]), members, is_file=False))
        return _FAILED
    is_file = names >= _OF_EVERY_FILE
    title = f"One file of {name}, and what was measured on it." if is_file else f"One text of {name}."
    own = tuple(member for member in members if not (is_file and member.name in _OF_EVERY_FILE))
    found.append(AnswerModel(files[name], title, own, is_file))
    return files[name]


def _objects(value: Json) -> Iterator[tuple[str, JsonObject]]:
    if isinstance(value, dict):
        yield from ((name, one) for name, one in value.items() if isinstance(one, dict))
