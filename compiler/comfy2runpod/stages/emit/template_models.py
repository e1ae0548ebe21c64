"""What templates print: every decision about a field or output made, in the words of each language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

from comfy2runpod.expressions.expression import python_over, read_again, rounding_of
from comfy2runpod.fields import Field, Target
from comfy2runpod.fields.base import Marker
from comfy2runpod.ir.interface import Interface, Removal, Rewrite, Variant
from comfy2runpod.outputs import Output
from comfy2runpod.quoting import Python, Word, media_type, name, python_list, python_source, python_text
from comfy2runpod_contract import messages
from comfy2runpod_contract.media import media_facts

_RUNTIME = Word("comfy2runpod_runtime")
# What schema.py calls the type of a measure.
_MEASURED = {"integer": "Int", "number": "Float", "string": "Str"}


@dataclass(frozen=True, slots=True)
class FieldView:
    """A field of the input as templates need it."""

    name: str
    title: str
    description: str
    required: bool
    python_type: Python
    arguments: tuple[Python, ...]
    default: Python | None
    markers: tuple[Marker, ...]
    kind: str
    allowed: str
    default_text: str


@dataclass(frozen=True, slots=True)
class MeasureView:
    """A measured field of the answer, as templates need it."""

    name: str
    python_type: str
    description: str


@dataclass(frozen=True, slots=True)
class OutputView:
    """An output as templates need it."""

    name: str
    title: str
    description: str
    runtime_module: Word
    runtime_class: Word
    arguments: Python
    media_type: str
    kind: str
    is_file: bool
    data_key: str
    data_text: str
    many: bool


def is_flat(interface: Interface) -> bool:
    """Whether the answer holds its single output's fields side by side, rather than an object for each output."""
    return messages.is_flat([output.many for output in interface.outputs])


def takes_image_options(interface: Interface) -> bool:
    """Whether a request may say how images are encoded."""
    return any(output.encodings for output in interface.outputs)


def gives_many_images(interface: Interface) -> bool:
    """Whether an answer may hold several images."""
    images = [output for output in interface.outputs if output.encodings]
    return len(images) > 1 or any(output.many for output in images)


def gives_files(interface: Interface) -> bool:
    """Whether a request may say how files are given back."""
    return any(output.is_file for output in interface.outputs)


def takes_choice(interface: Interface) -> bool:
    """Whether a request may say which outputs it wants."""
    return len(interface.outputs) > 1


def early_outputs(interface: Interface) -> tuple[str, ...]:
    """The names of outputs whose files may be told of before the job ends."""
    files = tuple(output.name for output in interface.outputs if output.is_file)
    return files if len(interface.outputs) > 1 else ()


def file_facts(output: Output) -> tuple[MeasureView, ...]:
    """What an answer says of an output."""
    return tuple(MeasureView(one.name, _MEASURED[one.json_type], one.description) for one in output.measures())


def seed_names(interface: Interface) -> tuple[str, ...]:
    """The fields that are seeds."""
    return tuple(field.name for field in interface.fields if field.in_answer)


def field_view(field: Field) -> FieldView:
    """One field, in the words of each language."""
    description = field.described()
    texts = [python_source("title={}", python_text(field.title, 18, 12))]
    if description:
        texts.append(python_source("description={}", python_text(description, 24, 12)))
    return FieldView(
        name=field.name,
        title=field.title,
        description=description,
        required=field.required,
        python_type=field.python_type(),
        arguments=(*field.arguments(), *texts),
        markers=field.markers(),
        default=field.python_default(),
        kind=field.kind,
        allowed=field.allowed(),
        default_text="required" if field.required else field.default_text(),
    )


def output_view(output: Output) -> OutputView:
    """One output."""
    return OutputView(
        name=output.name,
        title=output.title,
        description=output.description,
        runtime_module=output.runtime_module(),
        runtime_class=Word(media_facts(output.kind).output_class),
        arguments=output.runtime_arguments(),
        # A text again: each template quotes it in its own language.
        media_type=str(media_type(output.media_type)),
        kind=output.kind.value,
        is_file=output.is_file,
        data_key=output.data_key,
        data_text=output.data_text(),
        many=output.many,
    )


def assignment(field: Field, target: Target) -> Python:
    """The line of patch code that writes a field into one input."""
    source = field.patch_value()
    if target.expression is not None:
        # The names of values in expressions stand alone: parsed again, so that nothing else is replaced, or let in.
        source = Python(python_over(read_again(target.expression).python, source))
    inputs = python_source('prompt[{}]["inputs"]', target.node_id)
    if target.member is not None:
        return python_source("set_member({}, {}, {}, {})", inputs, target.input, target.member, source)
    return python_source("{}[{}] = {}", inputs, target.input, source)


@dataclass(frozen=True, slots=True)
class Block:
    """Patch code for where `condition` holds: lines under the comment that stands before them, and nodes to remove."""

    condition: Python
    lines: tuple[tuple[str, tuple[Python, ...]], ...] = ()
    removals: tuple[Removal, ...] = ()


def variant_blocks(variants: Iterable[Variant]) -> tuple[Block, ...]:
    """What patch code does where files are omitted: all rewrites, fewer files before more, then all removals.

    A single block does both where a single file may be omitted.
    """
    blocks = []
    for item in variants:
        tests = [python_source("request.{} is None", name(field)) for field in item.fields]
        condition = Python(" and ".join(tests))
        by_node = groupby(item.rewrites, lambda rewrite: f"{rewrite.title} ({rewrite.class_type})")
        lines = tuple((comment, tuple(map(_rewriting, rewrites))) for comment, rewrites in by_node)
        blocks.append(Block(condition, lines, item.removals))
    if len(blocks) == 1:
        return tuple(blocks)
    return (
        *(replace(block, removals=()) for block in blocks if block.lines),
        *(replace(block, lines=()) for block in blocks if block.removals),
    )


def _rewriting(rewrite: Rewrite) -> Python:
    form = 'prompt[{}]["inputs"].pop({}, None)' if rewrite.gone else 'prompt[{}]["inputs"][{}] = {}'
    return python_source(form, rewrite.node_id, rewrite.input, *(() if rewrite.gone else (rewrite.value,)))


def handler_imports(outputs: Iterable[OutputView]) -> tuple[Python, ...]:
    """Lines that import what the handler needs of the runtime."""
    return _import_lines(
        {(_RUNTIME, Word("Endpoint")), *((output.runtime_module, output.runtime_class) for output in outputs)}
    )


def schema_imports(interface: Interface) -> tuple[Python, ...]:
    """Lines that import what the models need of the runtime."""
    imports = {
        (marker.runtime_module, marker.runtime_class) for field in interface.fields for marker in field.markers()
    }
    if gives_files(interface):
        imports.add((_RUNTIME, Word("ImageOptions" if takes_image_options(interface) else "OutputOptions")))
        imports.add((_RUNTIME, Word("inline_or_url" if is_flat(interface) else "AnswerFile")))
    return _import_lines(imports)


def patch_imports(interface: Interface) -> tuple[Python, ...]:
    """Lines that import what patch code needs of the runtime."""
    imports = {"Prompt", "Run"}
    for field in interface.fields:
        for target in field.targets:
            if target.member is not None:
                imports.add("set_member")
            if target.expression is not None:
                imports |= rounding_of(target.expression)
    return _import_lines((_RUNTIME, Word(one)) for one in imports)


def _import_lines(imports: Iterable[tuple[Word, Word]]) -> tuple[Python, ...]:
    """A line for each module, with the names that are imported of it; both in order."""
    return tuple(
        python_source("from {} import {}", Python(module), python_list(name(one) for _, one in names))
        for module, names in groupby(sorted(imports), key=itemgetter(0))
    )
