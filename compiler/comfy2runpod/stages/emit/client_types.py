"""The types of the clients, made from the same schemas that the documents show, in the words of each language."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from comfy2runpod.quoting import Python, Script, Word, camel, python_list, python_source, script
from comfy2runpod.stages.emit.python_types import unused
from comfy2runpod_contract.json_types import Json, JsonObject

_PYTHON = {"string": "Str", "integer": "Int", "number": "Float", "boolean": "Bool", "null": "None"}
# The largest whole number that JavaScript's numbers hold exactly, as they do every smaller one.
_SAFE = 2**53 - 1
# Characters of values that a line may hold.
_LITERAL = 50
_TYPESCRIPT = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


@dataclass(frozen=True, slots=True)
class Member:
    """A key of an object."""

    name: str
    python: Python
    typescript: Script
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Shape:
    """An object with known keys: a TypedDict, an interface.

    Exactly one of `forms`, each some of the members, is there, whole; no forms if that is not so. Python has no type
    for it.
    """

    name: str
    description: str
    members: tuple[Member, ...]
    forms: tuple[tuple[Member, ...], ...] = ()

    @property
    def always(self) -> tuple[Member, ...]:
        """The members that belong to none of the forms."""
        return tuple(member for member in self.members if not any(member in form for form in self.forms))


@dataclass(frozen=True, slots=True)
class Choice:
    """Values that are too many for one line: a type of its own."""

    name: str
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class _Type:
    python: Python
    typescript: Script

    @classmethod
    def of(cls, python: str, typescript: str) -> _Type:
        """A type that is written by us, no value in it."""
        return cls(Python(python), Script(typescript))


_NULL = _Type.of("None", "null")
_UNKNOWN = _Type.of("Object", "unknown")


def shapes(
    takes: JsonObject, gives: JsonObject, classes: Mapping[str, Word], files: Mapping[str, Word]
) -> tuple[Shape | Choice, ...]:
    """The types of a job's input and output, `Input` and `Output`, each after those that it holds.

    Args:
        takes: the input's schema.
        gives: the output's schema.
        classes: the client's own type for fields that it takes as something else, by the field's name.
        files: the name of the type of each output's file, by the output's name.
    """
    found: list[Shape | Choice] = []
    # A whole number that a JavaScript number may not hold is given as either, and comes back as a bigint.
    _Shapes("number | bigint", found, files, classes).shape("Input", takes)
    _Shapes("bigint", found, files, {}).shape("Output", gives)
    return tuple(found)


def exact_names(schema: JsonObject) -> tuple[str, ...]:
    """The keys of an object whose whole numbers a JavaScript number may not hold."""
    return tuple(name for name, one in _objects(schema.get("properties")).items() if _is_exact(one))


def has_literal(every: Sequence[Shape | Choice]) -> bool:
    """Whether Python's types need Literal."""
    return any(isinstance(one, Choice) or any("Literal[" in member.python for member in one.members) for one in every)


def python_types(every: Sequence[Shape | Choice]) -> tuple[Python, ...]:
    """The types of all members, in Python."""
    return tuple(member.python for one in every if isinstance(one, Shape) for member in one.members)


def file_members(every: Sequence[Shape | Choice], names: Collection[str]) -> tuple[Member, ...]:
    """The answer's members of these names, which may come one by one."""
    output = next(one for one in every if isinstance(one, Shape) and one.name == "Output")
    return tuple(member for member in output.members if member.name in names)


@dataclass(frozen=True, slots=True)
class _Shapes:
    """Types on their way: what is found in a schema joins `found`."""

    exact: str
    found: list[Shape | Choice]
    files: Mapping[str, Word]
    classes: Mapping[str, Word]

    def shape(self, name: str, schema: JsonObject) -> None:
        required = schema.get("required")
        needed = required if isinstance(required, list) else []
        members = []
        for key, value in _objects(schema.get("properties")).items():
            kind = self.type(key, value)
            members.append(Member(key, kind.python, kind.typescript, key in needed, _description(value)))
        self.found.append(Shape(name, _description(schema), tuple(members), _forms(schema, members)))

    def type(self, key: str, schema: JsonObject) -> _Type:
        """A key's type."""
        kinds = schema.get("type")
        names = kinds if isinstance(kinds, list) else [kinds]
        # A member of another object may have a field's name.
        if "x-media" in schema and key in self.classes:
            own = _Type.of(self.classes[key], self.classes[key])
            return _union([own, _NULL]) if "null" in names else own
        options = schema.get("anyOf", schema.get("oneOf"))
        # Beside a type, they say which members come together.
        if isinstance(options, list) and "type" not in schema:
            return _union([self.type(key, option) for option in options if isinstance(option, dict)])
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        # Whole numbers of a list stay numbers: a hundred of them are no type that anyone reads.
        texts = [value for value in values if isinstance(value, str | None)] if isinstance(values, list) else []
        if texts and texts == values:
            return self._choice(key, tuple(texts))
        return _union([self._plain(key, str(kind), schema) for kind in names])

    def _choice(self, key: str, values: tuple[str | None, ...]) -> _Type:
        literals = python_list(values)
        if len(literals) - 2 * len(values) + 2 <= _LITERAL:
            return _Type(python_source("Literal[{}]", literals), Script(" | ".join(map(script, values))))
        # A field may have the name of a key of the answer, and the same values.
        choice = Choice(f"{camel(key)}Choice", values)
        others = [one.name for one in self.found if not (isinstance(one, Choice) and one.values == values)]
        choice = replace(choice, name=unused(choice.name, others))
        if choice not in self.found:
            self.found.append(choice)
        return _Type.of(choice.name, choice.name)

    def _plain(self, key: str, kind: str, schema: JsonObject) -> _Type:
        if kind == "array":
            items = schema.get("items")
            item = self.type(key, items) if isinstance(items, dict) else _UNKNOWN
            typescript = f"({item.typescript})" if " " in item.typescript else item.typescript
            return _Type.of(f"List[{item.python}]", f"readonly {typescript}[]")
        if kind == "object" and "properties" in schema:
            # A file of an output, or settings.
            inside = _objects(schema["properties"])
            is_file = bool({"media_type", "text"} & set(inside))
            name = self.files[key] if is_file else Word(camel(key) + ("" if "code" in inside else "Options"))
            self.shape(name, schema)
            return _Type.of(name, name)
        if kind == "object":
            more = schema.get("additionalProperties")
            value = self.type(key, more) if isinstance(more, dict) else _UNKNOWN
            return _Type.of(f"Dict[Str, {value.python}]", f"Record<string, {value.typescript}>")
        typescript = self.exact if kind == "integer" and _is_exact(schema) else _TYPESCRIPT.get(kind, "unknown")
        return _Type.of(_PYTHON.get(kind, "Object"), typescript)


def _forms(schema: JsonObject, members: Sequence[Member]) -> tuple[tuple[Member, ...], ...]:
    options = schema.get("oneOf")
    listed = options if isinstance(options, list) else []
    names = [option.get("required") for option in listed if isinstance(option, dict)]
    return tuple(tuple(one for one in members if one.name in form) for form in names if isinstance(form, list))


def _is_exact(schema: JsonObject) -> bool:
    kinds = schema.get("type")
    bounds = (schema.get("minimum"), schema.get("maximum"))
    wide = any(isinstance(bound, int | float) and abs(bound) > _SAFE for bound in bounds)
    return wide and "integer" in (kinds if isinstance(kinds, list) else [kinds])


def _union(types: list[_Type]) -> _Type:
    return _Type.of(
        " | ".join(dict.fromkeys(one.python for one in types)),
        " | ".join(dict.fromkeys(one.typescript for one in types)),
    )


def _objects(value: Json) -> Mapping[str, JsonObject]:
    properties = value if isinstance(value, dict) else {}
    return {key: one for key, one in properties.items() if isinstance(one, dict)}


def _description(schema: JsonObject) -> str:
    said = schema.get("description", schema.get("title", ""))
    return said if isinstance(said, str) else ""
