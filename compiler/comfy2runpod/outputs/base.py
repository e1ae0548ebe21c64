"""What a kind of output has to say of itself. Whatever asks, asks an output, and knows no kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from comfy2runpod.for_people import ForPeople
from comfy2runpod.quoting import Python, Word, media_type, python_list, python_source
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.media import ADDRESS_KEYS, FILE_MEASURES, Measure, MediaKind, media_facts

# The Hub has five categories, one of them for embeddings; none is of models in three dimensions or of drawings.
HubCategory: TypeAlias = Literal["audio", "image", "language", "video"]

_FORMATS: Mapping[str, str] = {"url": "uri", "expires_at": "date-time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputBase(ForPeople, ABC):
    """A named result, and the node that saves it. `prefix_input` is the node's file name prefix input, if it has one.

    `many` says that the node may save several files (a batch of images). A kind is a subclass; what compiler and worker
    agree on about it stands in the contract, under its `kind`.
    """

    kind: ClassVar[MediaKind]
    # The key of an answer's object that holds the result itself.
    data_key: ClassVar[str]
    # Whether the result is a file: measured, and delivered by URL on request.
    is_file: ClassVar[bool]
    # The media types that it is encoded as on request; none if it stays as it was saved.
    encodings: ClassVar[tuple[str, ...]] = ()
    # Whether a batch, at the input that its node saves, becomes as many files.
    batched: ClassVar[bool] = False

    name: str
    title: str
    description: str
    media_type: str
    node_id: str
    class_type: str
    prefix_input: str | None
    many: bool

    @classmethod
    @abstractmethod
    def hub_category(cls) -> HubCategory:
        """Under what RunPod's Hub lists an endpoint that gives it first."""

    @abstractmethod
    def data_schema(self) -> JsonObject:
        """The JSON Schema of the result itself."""

    @abstractmethod
    def data_text(self) -> str:
        """What the result itself is, in words."""

    @abstractmethod
    def address_schemas(self) -> JsonObject:
        """The JSON Schemas of the keys that stand in its place where it is delivered by URL; none if it never is."""

    @abstractmethod
    def measures(self) -> tuple[Measure, ...]:
        """What an answer tells of it."""

    @abstractmethod
    def measure_schemas(self) -> JsonObject:
        """The JSON Schemas of what an answer tells of it."""

    def forms(self, data_key: str) -> JsonObject:
        """The part of an object's JSON Schema that says: the result under this key, or where it is, and never both."""
        address = self.address_schemas()
        return {"oneOf": [{"required": [data_key]}, {"required": [*address]}]} if address else {}

    def keys(self, data_key: str) -> JsonObject:
        """The JSON Schemas of all that an answer's object holds of it, the result under this key."""
        return {data_key: self.data_schema(), **self.address_schemas(), **self.measure_schemas()}

    def always(self, data_key: str) -> tuple[str, ...]:
        """The keys that its object always has."""
        address = self.address_schemas()
        return (*(() if address else (data_key,)), *self.measure_schemas())

    def object_schema(self) -> JsonObject:
        """The JSON Schema of its object in an answer of several outputs; of a list of them, if it is many."""
        one: JsonObject = {
            "type": "object",
            "properties": self.keys(self.data_key),
            "required": [*self.always(self.data_key)],
            **self.forms(self.data_key),
            "additionalProperties": False,
        }
        return {"type": "array", "items": one, "minItems": 1} if self.many else one

    @classmethod
    def runtime_module(cls) -> Word:
        """The module of the runtime that has the kind's class: it is called as the kind is."""
        return Word(f"comfy2runpod_runtime.outputs.{cls.kind.value}")

    def runtime_arguments(self) -> Python:
        """The arguments of its runtime class, in handler.py."""
        arguments = [python_source("name={}", self.name), python_source("node={}", self.node_id)]
        if self.media_type != media_facts(self.kind).media_type:
            arguments.append(python_source("media_type={}", self.media_type))
        if self.many:
            arguments.append(Python("many=True"))
        return python_list(arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutput(OutputBase):
    """What every output has that is a file."""

    data_key: ClassVar[str] = "data"
    is_file: ClassVar[bool] = True

    def data_schema(self) -> JsonObject:
        """The file in base64."""
        return {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": self.media_type,
            "description": self.description or f"The {self.kind.value}, base64.",
        }

    def data_text(self) -> str:
        """The kind, and its type."""
        return f"The {self.kind.value} ({media_type(self.media_type)}), base64."

    def address_schemas(self) -> JsonObject:
        """Where the file is, and how long."""
        return {
            one.name: {"type": one.json_type, "format": _FORMATS[one.name], "description": one.description}
            for one in ADDRESS_KEYS
        }

    def measures(self) -> tuple[Measure, ...]:
        """What is known of every file, and what is measured on one of this kind."""
        return (*FILE_MEASURES, *media_facts(self.kind).measures)

    def measure_schemas(self) -> JsonObject:
        """Each measure; the media type is one of those that it can be."""
        limits: Mapping[str, JsonObject] = {
            "media_type": {"enum": [*(self.encodings or (self.media_type,))]},
            "sha256": {"pattern": "^[0-9a-f]{64}$"},
        }
        return {
            one.name: {"type": one.json_type, **limits.get(one.name, {}), "description": one.description}
            for one in self.measures()
        }
