"""A package's files -> its contract with callers and operators: the two schemas, the models, GPU and disk.

Read from the emitted files and not from an Interface, so that a package of another version, or one that was changed by
hand, is compared as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.files import NotAPackage
from comfy2runpod_contract.json_types import Json, JsonObject

INPUT, OUTPUT = "docs/input.schema.json", "docs/output.schema.json"
MODELS, HUB, TESTS = "models.lock.json", ".runpod/hub.json", ".runpod/tests.json"
FILES = (INPUT, OUTPUT, MODELS, HUB, TESTS)

# This many integers at equal distances are a range, not a list of choices.
_FEWEST_STEPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a JSON Schema says about a value; None where it says nothing.

    `types` are JSON's (`integer` stands beside `number`, which holds it). A whole number fits if it is `offset` more
    than a multiple of `step`.
    """

    types: frozenset[str] = frozenset()
    media_type: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    step: int = 1
    offset: int = 0
    min_length: int | None = None
    max_length: int | None = None
    choices: tuple[Json, ...] | None = None
    default: Json = None
    has_default: bool = False
    properties: Mapping[str, Shape] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    items: Shape | None = None
    max_bytes: int | None = None
    max_pixels: int | None = None
    max_aspect: float | None = None
    formats: tuple[Json, ...] | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that a worker needs, what is known to identify it, and its licence."""

    url: str
    revision: str | None
    size: int | None
    sha256: str | None
    licence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The contract of one package. `models` maps `folder/file` to the file."""

    input: Shape
    output: Shape
    models: Mapping[str, ModelFile]
    gpu: tuple[str, ...]
    container_disk_gb: int | None
    timeout_seconds: float | None


def contract_of(files: Mapping[str, str | bytes], name: str) -> Contract:
    """The contract of a package, from its files' texts by path.

    Raises:
        CompileError: the files are not those of a package.
    """
    try:
        parsed = {path: cast(JsonObject, json.loads(files[path])) for path in FILES}
        hub = cast(JsonObject, parsed[HUB]["config"])
        (test, *_) = cast("list[JsonObject]", parsed[TESTS]["tests"])
        gpu = str(hub.get("gpuIds") or "")
        return Contract(
            input=_shape(parsed[INPUT]),
            output=_shape(parsed[OUTPUT]),
            models={
                f"{entry['directory']}/{entry['file']}": ModelFile(
                    url=str(entry["url"]),
                    revision=cast("str | None", entry.get("revision")),
                    size=cast("int | None", entry.get("size") or entry.get("approximate_size")),
                    sha256=cast("str | None", entry.get("sha256")),
                    licence=cast("str | None", entry.get("licence")),
                )
                for entry in cast("list[JsonObject]", parsed[MODELS]["models"])
            },
            gpu=tuple(gpu.split(",")) if gpu else (),
            container_disk_gb=cast("int | None", hub.get("containerDiskInGb")),
            timeout_seconds=cast(float, test["timeout"]) / 1000 if test.get("timeout") else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"{error.args[0]} is missing" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"
        raise CompileError([NotAPackage(at=Locus(name), problem=problem)]) from None


def _shape(raw: JsonObject) -> Shape:
    kinds = raw.get("type")
    types = {kinds} if isinstance(kinds, str) else {str(kind) for kind in cast("list[Json]", kinds or [])}
    listed = [raw["const"]] if "const" in raw else raw.get("enum")
    choices = tuple(cast("list[Json]", listed)) if listed is not None else None
    low, high = cast("float | None", raw.get("minimum")), cast("float | None", raw.get("maximum"))
    step, offset = cast(int, raw.get("multipleOf") or raw.get("x-step") or 1), cast(int, raw.get("x-offset") or 0)
    steps = _even_steps(choices) if "integer" in types else None
    if steps is not None:
        low, high, step, offset, choices = steps[0], steps[-1], steps.step, steps[0] % steps.step, None
    items = raw.get("items")
    return Shape(
        types=frozenset(types | ({"integer"} if "number" in types else set())),
        media_type=cast("str | None", raw.get("contentMediaType")),
        minimum=low,
        maximum=high,
        step=step,
        offset=offset,
        min_length=cast("int | None", raw.get("minLength")),
        max_length=cast("int | None", raw.get("maxLength")),
        choices=choices,
        default=raw.get("default"),
        has_default="default" in raw,
        properties={
            key: _shape(value) for key, value in cast("dict[str, JsonObject]", raw.get("properties") or {}).items()
        },
        required=frozenset(cast("list[str]", raw.get("required") or [])),
        items=_shape(items) if isinstance(items, dict) else None,
        max_bytes=cast("int | None", raw.get("x-max-bytes")),
        max_pixels=cast("int | None", raw.get("x-max-pixels")),
        max_aspect=cast("float | None", raw.get("x-max-aspect")),
        formats=tuple(cast("list[Json]", raw["x-formats"])) if "x-formats" in raw else None,
    )


def _even_steps(choices: tuple[Json, ...] | None) -> range | None:
    """A list of whole numbers that is a range in even steps."""
    numbers = [choice for choice in choices or () if isinstance(choice, int) and not isinstance(choice, bool)]
    if len(numbers) < _FEWEST_STEPS or len(numbers) != len(choices or ()):
        return None
    step = numbers[1] - numbers[0]
    if step < 1:
        return None
    whole = range(numbers[0], numbers[-1] + 1, step)
    return whole if numbers == list(whole) else None
