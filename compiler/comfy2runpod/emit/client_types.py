"""The types of the clients, made from the same schemas that the documents show, in the words of each language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from comfy2runpod.emit.environment import camel, python_literal
from comfy2runpod.ir.json import Json, JsonObject

_PYTHON = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
# Characters of values that a line may hold.
_LITERAL = 50
_TYPESCRIPT = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


@dataclass(frozen=True, slots=True)
class Member:
    """A key of an object."""

    name: str
    python: str
    typescript: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Shape:
    """An object with known keys: a TypedDict, an interface."""

    name: str
    description: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Values that are too many for one line: a type of its own; each as Python's source."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Type:
    python: str
    typescript: str


def shapes(name: str, schema: JsonObject) -> tuple[Shape | Choice, ...]:
    """The types that a schema describes, each after those that it holds; the last is `name` itself."""
    found: list[Shape | Choice] = []
    _shape(name, schema, found)
    return tuple(found)


def has_literal(every: Sequence[Shape | Choice]) -> bool:
    """Whether Python's types need Literal."""
    return any(isinstance(one, Choice) or any("Literal[" in member.python for member in one.members) for one in every)


def has_choice(every: Sequence[Shape | Choice]) -> bool:
    """Whether there are types that are no objects."""
    return any(isinstance(one, Choice) for one in every)


def _shape(name: str, schema: JsonObject, found: list[Shape | Choice]) -> None:
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    members = []
    for key, value in _objects(schema.get("properties")).items():
        kind = _type(key, value, found)
        members.append(Member(key, kind.python, kind.typescript, key in needed, _description(value)))
    found.append(Shape(name, _description(schema), tuple(members)))


def _type(key: str, schema: JsonObject, found: list[Shape | Choice]) -> _Type:
    """A key's type; objects in it join `found`."""
    if schema.get("x-media") == "image":
        kinds = schema.get("type")
        nothing = isinstance(kinds, list) and "null" in kinds
        return _Type("Picture | None", "Picture | null") if nothing else _Type("Picture", "Picture")
    options = schema.get("anyOf", schema.get("oneOf"))
    # Beside a type, they say which members come together.
    if isinstance(options, list) and "type" not in schema:
        return _union([_type(key, option, found) for option in options if isinstance(option, dict)])
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    # Whole numbers of a list stay numbers: a hundred of them are no type that anyone reads.
    if isinstance(values, list) and values and all(isinstance(value, str | None) for value in values):
        literals = [python_literal(value) for value in values]
        if sum(map(len, literals)) > _LITERAL:
            choice = Choice(f"{camel(key)}Choice", tuple(literals))
            if choice not in found:
                found.append(choice)
            return _Type(choice.name, " | ".join(literals))
        scripted = ["null" if value is None else literal for value, literal in zip(values, literals, strict=True)]
        return _Type(f"Literal[{', '.join(literals)}]", " | ".join(scripted))
    kinds = schema.get("type")
    names = kinds if isinstance(kinds, list) else [kinds]
    return _union([_plain(key, str(kind), schema, found) for kind in names])


def _plain(key: str, kind: str, schema: JsonObject, found: list[Shape | Choice]) -> _Type:
    if kind == "array":
        items = schema.get("items")
        item = _type(key, items, found) if isinstance(items, dict) else _Type("object", "unknown")
        typescript = f"({item.typescript})[]" if " " in item.typescript else f"{item.typescript}[]"
        return _Type(f"list[{item.python}]", typescript)
    if kind == "object" and "properties" in schema:
        # A file of an output, or settings.
        inside = _objects(schema["properties"])
        name = camel(key) + ("File" if {"media_type", "text"} & set(inside) else "" if "code" in inside else "Options")
        _shape(name, schema, found)
        return _Type(name, name)
    if kind == "object":
        more = schema.get("additionalProperties")
        value = _type(key, more, found) if isinstance(more, dict) else _Type("object", "unknown")
        return _Type(f"dict[str, {value.python}]", f"Record<string, {value.typescript}>")
    return _Type(_PYTHON.get(kind, "object"), _TYPESCRIPT.get(kind, "unknown"))


def _union(types: list[_Type]) -> _Type:
    return _Type(
        " | ".join(dict.fromkeys(one.python for one in types)),
        " | ".join(dict.fromkeys(one.typescript for one in types)),
    )


def _objects(value: Json) -> Mapping[str, JsonObject]:
    properties = value if isinstance(value, dict) else {}
    return {key: one for key, one in properties.items() if isinstance(one, dict)}


def _description(schema: JsonObject) -> str:
    said = schema.get("description", schema.get("title", ""))
    return said if isinstance(said, str) else ""
