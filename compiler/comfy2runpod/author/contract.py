"""A package's files -> its contract with callers and operators: the two schemas, the models, GPU and disk.

Read from the emitted files and not from an Interface, so that a package of another version, or one that was changed by
hand, is compared as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.files import NotAPackage
from comfy2runpod.package_documents import Hub, ModelList, Schema, Tests, read_document
from comfy2runpod.package_paths import HUB, INPUT, MODELS, OUTPUT, TESTS
from comfy2runpod_contract.json_types import Json

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
    # Of a file, by the schema's own words: `x-max-bytes`.
    limits: Mapping[str, float] = field(default_factory=dict)
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
    missing = next((path for path in FILES if path not in files), None)
    if missing is not None:
        raise CompileError([NotAPackage(at=Locus(name), problem=f"{missing} is missing")])
    try:
        hub = read_document(Hub, files[HUB], HUB).config
        test = read_document(Tests, files[TESTS], TESTS).tests[0]
        return Contract(
            input=_shape(read_document(Schema, files[INPUT], INPUT)),
            output=_shape(read_document(Schema, files[OUTPUT], OUTPUT)),
            models={
                f"{entry.directory}/{entry.file}": ModelFile(
                    url=entry.url,
                    revision=entry.revision,
                    size=entry.size or entry.approximate_size,
                    sha256=entry.sha256,
                    licence=entry.licence,
                )
                for entry in read_document(ModelList, files[MODELS], MODELS).models
            },
            gpu=tuple(hub.gpus.split(",")) if hub.gpus else (),
            container_disk_gb=hub.container_disk_gb,
            timeout_seconds=test.timeout / 1000 if test.timeout else None,
        )
    except ValueError as error:
        raise CompileError([NotAPackage(at=Locus(name), problem=str(error))]) from None


def _shape(schema: Schema) -> Shape:
    low, high, choices = schema.minimum, schema.maximum, schema.choices
    step, offset = schema.multiple_of or schema.step or 1, schema.offset
    steps = _even_steps(choices) if "integer" in schema.types else None
    if steps is not None:
        low, high, step, offset, choices = steps[0], steps[-1], steps.step, steps[0] % steps.step, None
    return Shape(
        types=frozenset({*schema.types, *(("integer",) if "number" in schema.types else ())}),
        media_type=schema.media_type,
        minimum=low,
        maximum=high,
        step=step,
        offset=offset,
        min_length=schema.min_length,
        max_length=schema.max_length,
        choices=choices,
        default=schema.default,
        has_default=schema.has_default,
        properties={key: _shape(value) for key, value in (schema.properties or {}).items()},
        required=frozenset(schema.required or ()),
        items=None if schema.items is None else _shape(schema.items),
        limits=schema.limits,
        formats=schema.formats,
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
