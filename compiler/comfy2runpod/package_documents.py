"""The documents of a compiled package as types: what `diff` and `docs` read of them.

A package may be of another version, or changed by hand: what is unknown is skipped, and what is known has its type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from comfy2runpod.amounts import LARGEST_SIZE
from comfy2runpod.diagnostics import shorten
from comfy2runpod.json_parts import object_of
from comfy2runpod.package_paths import EXAMPLE, TESTS
from comfy2runpod.strict_json import HalfTextError, strict_json
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.limits import LARGEST_FILE_BYTES

# An escape of a half of a pair.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Document(BaseModel):
    """A JSON object of a package."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


D = TypeVar("D", bound=Document)


def _many(value: object) -> object:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


class Schema(Document):
    """A JSON Schema as the emitters write it; None where it says nothing."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    types: Annotated[tuple[str, ...], BeforeValidator(_many)] = Field((), alias="type")
    media: str | None = Field(None, alias="x-media")
    media_type: str | None = Field(None, alias="contentMediaType")
    minimum: int | float | None = None
    maximum: int | float | None = None
    multiple_of: int | None = Field(None, alias="multipleOf", gt=0)
    step: int | None = Field(None, alias="x-step", gt=0)
    offset: int = Field(0, alias="x-offset")
    min_length: int | None = Field(None, alias="minLength")
    max_length: int | None = Field(None, alias="maxLength")
    const: JsonValue = None
    enum: tuple[JsonValue, ...] | None = None
    default: JsonValue = None
    properties: Mapping[str, Schema] | None = None
    required: tuple[str, ...] | None = None
    items: Schema | None = None
    one_of: tuple[Schema, ...] = Field((), alias="oneOf")
    formats: tuple[JsonValue, ...] | None = Field(None, alias="x-formats")

    @property
    def limits(self) -> Mapping[str, float]:
        """Of a file, by their words (`x-max-bytes`): each kind of file has its own."""
        return {
            word: limit
            for word, limit in (self.model_extra or {}).items()
            if word.startswith("x-max-") and isinstance(limit, (int, float))
        }

    @property
    def has_default(self) -> bool:
        """Whether there is a default, if null."""
        return "default" in self.model_fields_set

    @property
    def choices(self) -> tuple[JsonValue, ...] | None:
        """The only values that it allows."""
        return (self.const,) if "const" in self.model_fields_set else self.enum


class ObjectSchema(Document):
    """The schema of a request or an answer."""

    properties: Mapping[str, Schema]
    required: tuple[str, ...] = ()


class ModelEntry(Document):
    """A model file of models.lock.json; sizes in bytes, None where none is told."""

    directory: str
    file: str
    url: str
    revision: str | None = None
    size: int | None = Field(None, gt=0, le=LARGEST_FILE_BYTES)
    approximate_size: int | None = Field(None, gt=0, le=LARGEST_SIZE)
    sha256: str | None = None
    licence: str | None = None


class ModelList(Document):
    """models.lock.json."""

    models: tuple[ModelEntry, ...]


class HubConfig(Document):
    """What RunPod's hub starts a worker with."""

    gpus: str | None = Field(None, alias="gpuIds")
    container_disk_gb: int | None = Field(None, alias="containerDiskInGb")


class Hub(Document):
    """.runpod/hub.json."""

    config: HubConfig


class Test(Document):
    """A test of the hub, named after its package; `timeout` in milliseconds."""

    name: str | None = None
    timeout: int | float | None = None


class Tests(Document):
    """.runpod/tests.json."""

    tests: tuple[Test, ...] = Field(min_length=1)


def name_in_tests(data: bytes) -> str | None:
    """The name that a package was compiled with, from .runpod/tests.json; None where that does not tell it."""
    try:
        told = read_document(Tests, data, TESTS).tests[0].name or ""
    except ValueError:
        return None
    name, suffix, behind = told.rpartition(EXAMPLE)
    return name if suffix and not behind and _NAME.fullmatch(name) else None


class Info(Document):
    """What an OpenAPI document says of the whole."""

    title: str
    description: str
    version: str


class OpenApi(Document):
    """docs/openapi.json."""

    info: Info


def read_document(kind: type[D], data: str | bytes, path: str) -> D:
    """A document of a package.

    Args:
        kind: its type.
        data: its JSON.
        path: its path in the package.

    Raises:
        ValueError: it is not JSON, or not as the emitters write it; the first fault is named with its place.
    """
    try:
        return kind.model_validate_json(_with_whole_pairs(data))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if fault["type"] == "json_invalid":
            raise ValueError(f"{path} is not JSON") from None
        place = shorten(".".join(map(str, fault["loc"])), 200)
        if not place:
            raise ValueError(f"{path} is not a JSON object") from None
        if fault["type"] == "missing":
            raise ValueError(f"{place} is missing in {path}") from None
        raise ValueError(f"{path}: {place}: {fault['msg'][:1].lower()}{fault['msg'][1:]}") from None


def json_object(data: bytes, path: str) -> JsonObject:
    """A JSON object of a package, whatever else it holds.

    Raises:
        ValueError: it is none, or one that not all readers agree on (`strict_json`); with its path.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is no UTF-8 text") from None
    try:
        try:
            value = strict_json(text)
        except HalfTextError:
            # It hurts nobody, and all else was looked at before.
            value = json.loads(text)
        return object_of("it", value)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _with_whole_pairs(data: str | bytes) -> str | bytes:
    """JSON without halves of surrogate pairs, which Python's parser takes and pydantic's does not."""
    content = data.encode("utf-8", "replace") if isinstance(data, str) else data
    if _SURROGATE.search(content) is None:
        return data
    try:
        return json.dumps(json.loads(data), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return data
