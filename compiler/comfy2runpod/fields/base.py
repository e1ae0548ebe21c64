"""What a kind of field has to say of itself. Whatever asks, asks a field, and knows no kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.fields.draft import Draft
from comfy2runpod.fields.note import NoteKey
from comfy2runpod.fields.target import Target
from comfy2runpod.for_people import ForPeople
from comfy2runpod.quoting import Python, Word, name, python, python_list, python_source, python_text
from comfy2runpod_contract.json_types import Json, JsonObject

# JSON Schema's word for a limit, and that of pydantic's Field.
_ARGUMENTS: Mapping[str, str] = {
    "minimum": "ge",
    "maximum": "le",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
}
# Words that stand elsewhere: in the type, or in a marker.
_NO_ARGUMENTS = frozenset({"type", "enum"})
_TYPES: Mapping[str, str] = {"integer": "Int", "number": "Float", "string": "Str", "boolean": "Bool", "null": "None"}


@dataclass(frozen=True, slots=True)
class Marker:
    """What annotates a field in schema.py for a rule that pydantic has no word for: a class of the runtime."""

    runtime_module: Word
    runtime_class: Word
    source: Python


@dataclass(frozen=True, slots=True)
class ClientClass:
    """A type of the clients, and the module of each client that has it, and the checks of what is of it."""

    name: Word
    module: Word

    @property
    def checks(self) -> Word:
        """The constant of the module that holds the checks."""
        return Word(self.module.upper())


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldBase(ForPeople, ABC):
    """A field of a request. `name` is a Python identifier and the JSON key.

    A kind is a subclass: `kind` is its name in documents and messages, `note_keys` what the note can say of it beside
    from, title, description and required. What is abstract here, each kind says for itself.
    """

    kind: ClassVar[str]
    note_keys: ClassVar[tuple[NoteKey[object], ...]]
    # Whether an input of this kind may be fed an expression over the field.
    takes_expressions: ClassVar[bool] = False
    # Whether it is made after the fields of other kinds, because it depends on them.
    made_last: ClassVar[bool] = False
    # Whether its inputs hold the name of a file of the author's, which no worker has.
    is_file: ClassVar[bool] = False
    # Whether ComfyUI makes a mask of the transparency of what it is given.
    has_mask: ClassVar[bool] = False
    # Whether an example of a request has it though it may be omitted.
    in_examples: ClassVar[bool] = True
    # Whether the answer tells of it, under its own name.
    in_answer: ClassVar[bool] = False
    # What the clients take for it, in the place of the text that the endpoint takes.
    client_class: ClassVar[ClientClass | None] = None
    # The templates with what documents say of all fields of this kind together, without their endings.
    document: ClassVar[str | None] = None

    name: str
    title: str
    description: str
    required: bool
    targets: tuple[Target, ...]

    @classmethod
    @abstractmethod
    def takes(cls, spec: InputSpec) -> bool:
        """Whether a field of this kind can feed an input."""

    @classmethod
    @abstractmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field, or None with the reasons noted."""

    @abstractmethod
    def value_schema(self) -> JsonObject:
        """The JSON Schema of its values: type and limits. schema.py and the clients' types are made of it too."""

    @abstractmethod
    def default_value(self) -> Json:
        """What is taken where it is omitted, if it is not required."""

    @abstractmethod
    def allowed(self) -> str:
        """What it may be, in words."""

    @abstractmethod
    def default_text(self) -> str:
        """What its default is, in words."""

    @abstractmethod
    def example(self) -> Json:
        """A value that it takes."""

    def call_example(self) -> Json:
        """A value that it takes, short enough for a line that people copy."""
        return self.example()

    def described(self) -> str:
        """Its description, wherever it is read."""
        return self.description

    def omittable(self) -> bool:
        """Whether what it feeds goes out of the prompt where it is omitted: a `Variant` says how."""
        return False

    def markers(self) -> tuple[Marker, ...]:
        """Its rules that pydantic has no word for."""
        return ()

    def answer_schema(self) -> JsonObject:
        """The JSON Schema of what the answer tells of it, if it is `in_answer`."""
        raise NotImplementedError

    def number_bounds(self) -> tuple[float | None, float | None] | None:
        """The lowest and highest number that it writes, as far as they are known; None if it writes no numbers."""
        return None

    def whole_values(self) -> range | None:
        """The whole numbers that it writes, too many for len() perhaps; None if it writes others, or any at random."""
        return None

    def texts(self) -> tuple[str, ...] | None:
        """The texts that it writes; None if it can write any."""
        return ()

    def most_frames(self) -> int | None:
        """How many images what it brings holds at most: 1 for an image; None if it brings none."""
        return None

    def patch_value(self) -> Python:
        """Where patch code finds its value."""
        return python_source("request.{}", name(self.name))

    @property
    def from_run(self) -> bool:
        """Whether patch code finds its value in what the worker made of the request, rather than in the request."""
        return self.patch_value().startswith("run.")

    def json_schema(self) -> JsonObject:
        """Its JSON Schema."""
        schema: JsonObject = {"title": self.title}
        described = self.described()
        if described:
            schema["description"] = described
        schema |= self.value_schema()
        if not self.required:
            schema["default"] = self.default_value()
        return schema

    def python_type(self) -> Python:
        """Its type in schema.py."""
        schema = self.value_schema()
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        choices = schema.get("enum")
        if kinds == ["string"] and isinstance(choices, list):
            return python_source("Literal[{}]", python_list(choices))
        return Python(" | ".join(_TYPES[str(kind)] for kind in kinds))

    def arguments(self) -> tuple[Python, ...]:
        """Its limits, as arguments of pydantic's Field. A text of no characters at least is any text.

        Raises:
            AssertionError: its schema has a word that `schema.py` would not hold it to.
        """
        limits = self.value_schema().items()
        unknown = [
            word for word, _ in limits if word not in _ARGUMENTS and word not in _NO_ARGUMENTS and word[:2] != "x-"
        ]
        if unknown:
            raise AssertionError(f"no argument of Field stands for {', '.join(unknown)}")
        return tuple(
            python_source("{}={}", Python(_ARGUMENTS[word]), value)
            for word, value in limits
            if word in _ARGUMENTS and (word, value) != ("minLength", 0)
        )

    def python_default(self) -> Python | None:
        """Its default in schema.py, None if it is required."""
        if self.required:
            return None
        value = self.default_value()
        return python_text(value, 8, 4) if isinstance(value, str) else python(value)


def bounds(low: float | None, high: float | None) -> JsonObject:
    """Inclusive bounds as JSON Schema has them."""
    limits: JsonObject = {} if low is None else {"minimum": low}
    return limits if high is None else {**limits, "maximum": high}
