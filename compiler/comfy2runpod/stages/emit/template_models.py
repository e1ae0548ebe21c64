"""What templates print: every decision about a field or output made, in the words of each language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from comfy2runpod.expressions.expression import python_over, read_again, rounding_of
from comfy2runpod.ir.interface import (
    BooleanField,
    ChoiceField,
    Field,
    ImageField,
    IntegerField,
    Interface,
    MediaKind,
    NumberField,
    Output,
    Removal,
    Rewrite,
    SeedField,
    Target,
    TextField,
)
from comfy2runpod.ir.json import Json
from comfy2runpod.quoting import Python, name, python, python_list, python_source, python_text
from comfy2runpod.stages.emit.example_image import example_image

# An integer of the form k·n + o is listed value by value in JSON Schema up to so many.
MAX_LISTED = 512

_INT, _STR, _NONE = Python("Int"), Python("Str"), Python("None")
_FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
_GIVEN = "Base64, a data URL, or an https URL at a public address."

# The runtime's class for a kind of output, and the media type that it expects unless it is told another.
_HANDLERS = {
    MediaKind.VIDEO: ("Video", "video/mp4"),
    MediaKind.IMAGE: ("Image", "image/png"),
    MediaKind.AUDIO: ("Audio", "audio/flac"),
    MediaKind.ANIMATION: ("Animation", "image/webp"),
    MediaKind.MODEL3D: ("Model3D", "model/gltf-binary"),
    MediaKind.DRAWING: ("Drawing", "image/svg+xml"),
    MediaKind.TEXT: ("Text", "text/plain"),
}
# What an image output may be encoded as on request.
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp")


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
    kind: str
    allowed: str
    default_text: str
    example: Json
    marker: Python | None


@dataclass(frozen=True, slots=True)
class MeasureView:
    """A measured field of the answer."""

    name: str
    python_type: str
    description: str


@dataclass(frozen=True, slots=True)
class OutputView:
    """An output as templates need it."""

    name: str
    title: str
    description: str
    handler_class: str
    arguments: Python
    media_type: str
    kind: str
    many: bool


_MEASURES = {
    MediaKind.VIDEO: (
        MeasureView("width", "Int", "Width in pixels, measured on the decoded frames."),
        MeasureView("height", "Int", "Height in pixels, measured on the decoded frames."),
        MeasureView("frame_count", "Int", "Number of frames, counted while decoding."),
        MeasureView("duration_seconds", "Float", "Frames by frame rate, in seconds, to two decimals."),
    ),
    MediaKind.ANIMATION: (
        MeasureView("width", "Int", "Width in pixels, measured on the decoded frames."),
        MeasureView("height", "Int", "Height in pixels, measured on the decoded frames."),
        MeasureView("frame_count", "Int", "Number of frames, counted while decoding."),
        MeasureView("duration_seconds", "Float", "The frames' own durations together, in seconds."),
    ),
    MediaKind.MODEL3D: (),
    MediaKind.DRAWING: (),
    MediaKind.TEXT: (),
    MediaKind.IMAGE: (
        MeasureView("width", "Int", "Width in pixels, measured on the decoded image."),
        MeasureView("height", "Int", "Height in pixels, measured on the decoded image."),
    ),
    MediaKind.AUDIO: (MeasureView("duration_seconds", "Float", "Length in seconds, measured on the decoded samples."),),
}


def is_flat(interface: Interface) -> bool:
    """Whether the answer holds its single output's fields side by side, rather than an object for each output."""
    return len(interface.outputs) == 1 and not interface.outputs[0].many


def takes_image_options(interface: Interface) -> bool:
    """Whether a request may say how images are encoded."""
    return any(output.kind is MediaKind.IMAGE for output in interface.outputs)


def gives_many_images(interface: Interface) -> bool:
    """Whether an answer may hold several images."""
    images = [output for output in interface.outputs if output.kind is MediaKind.IMAGE]
    return len(images) > 1 or any(output.many for output in images)


def gives_files(interface: Interface) -> bool:
    """Whether a request may say how files are given back."""
    return any(output.kind is not MediaKind.TEXT for output in interface.outputs)


def takes_choice(interface: Interface) -> bool:
    """Whether a request may say which outputs it wants."""
    return len(interface.outputs) > 1


def early_outputs(interface: Interface) -> tuple[str, ...]:
    """The names of outputs whose files may be told of before the job ends."""
    files = tuple(output.name for output in interface.outputs if output.kind is not MediaKind.TEXT)
    return files if len(interface.outputs) > 1 else ()


def file_facts(output: Output) -> tuple[MeasureView, ...]:
    """What an answer says of a file: what is known of every one, and what is measured on one of its kind."""
    if output.kind is MediaKind.TEXT:
        return ()
    return (
        MeasureView("media_type", "Str", "The file's media type, told by its content."),
        MeasureView("bytes", "Int", "The file's size in bytes."),
        MeasureView("sha256", "Str", "The file's sha256, in hexadecimal."),
        *_MEASURES[output.kind],
    )


def seed_names(interface: Interface) -> tuple[str, ...]:
    """The fields that are seeds."""
    return tuple(field.name for field in interface.fields if isinstance(field, SeedField))


def field_view(field: Field) -> FieldView:
    """One field, in the words of each language."""
    python_type, arguments, default, kind, allowed, default_text, example = _by_kind(field)
    texts = [python_source("title={}", python_text(field.title, 18, 12))]
    description = described(field)
    if description:
        texts.append(python_source("description={}", python_text(description, 24, 12)))
    return FieldView(
        name=field.name,
        title=field.title,
        description=description,
        required=field.required,
        python_type=python_type,
        arguments=(*arguments, *texts),
        default=None if field.required else default,
        kind=kind,
        allowed=allowed,
        default_text="required" if field.required else default_text,
        example=example,
        marker=image_marker(field),
    )


def _by_kind(field: Field) -> tuple[Python, tuple[Python, ...], Python, str, str, str, Json]:
    match field:
        case IntegerField():
            bounds = list(_between(field.minimum, field.maximum))
            allowed = f"{field.minimum} to {field.maximum}"
            if field.multiple_of > 1 and field.offset:
                allowed += f", {field.multiple_of}·n + {field.offset}"
            elif field.multiple_of > 1:
                bounds.append(python_source("multiple_of={}", field.multiple_of))
                allowed += f", a multiple of {field.multiple_of}"
            default = python(field.default)
            return _INT, tuple(bounds), default, "integer", allowed, default, field.default
        case NumberField():
            limits = _between(field.minimum, field.maximum)
            allowed = _range(field.minimum, field.maximum)
            default = python(field.default)
            return Python("Float"), limits, default, "number", allowed, default, field.default
        case TextField():
            lengths = [python_source("min_length={}", field.min_length)] if field.min_length else []
            lengths.append(python_source("max_length={}", field.max_length))
            allowed = f"{field.min_length} to {field.max_length} characters"
            default = python_text(field.default, 8, 4)
            return _STR, tuple(lengths), default, "text", allowed, _quoted(field.default), field.default
        case ChoiceField():
            allowed = ", ".join(field.choices)
            literals = python_source("Literal[{}]", python_list(field.choices))
            return literals, (), python(field.default), "choice", allowed, field.default, field.default
        case BooleanField():
            default = python(field.default)
            return Python("Bool"), (), default, "boolean", "true or false", default.lower(), field.default
        case SeedField():
            limits = _between(field.minimum, field.maximum)
            allowed = f"{field.minimum} to {field.maximum}, or null"
            return Python("Int | None"), limits, _NONE, "seed", allowed, "null: drawn at random", None
        case ImageField():
            kind, allowed, example = "image", image_limits(field), example_image()
            some = (Python("min_length=1"),)
            if field.required:
                return _STR, some, Python(""), kind, allowed, "", example
            return Python("Str | None"), some, _NONE, kind, allowed, "null: omitted", example


def _between(low: float | None, high: float | None) -> tuple[Python, ...]:
    bounds = (("ge", low), ("le", high))
    return tuple(python_source("{}={}", Python(word), bound) for word, bound in bounds if bound is not None)


def described(field: Field) -> str:
    """A field's description; an image's says how it is given, wherever it is read."""
    if not isinstance(field, ImageField):
        return field.description
    return f"{field.description} {_GIVEN}".strip()


def image_limits(field: ImageField) -> str:
    """What an image may be: `PNG, JPEG or WebP, at most 20 MB, 32 megapixels and sides of 50:1`."""
    names = [_FORMATS[name] for name in field.formats]
    formats = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    size = field.max_bytes
    most = f"{size // 10**6} MB" if size % 10**6 == 0 else f"{size:,} bytes"
    return f"{formats}, at most {most}, {field.max_pixels / 1e6:g} megapixels and sides of {field.max_aspect:g}:1"


def image_marker(field: Field) -> Python | None:
    """The runtime's mark of an image, as Python source."""
    if not isinstance(field, ImageField):
        return None
    return python_source(
        "ImageInput(max_bytes={}, max_pixels={}, max_aspect={}, formats={})",
        field.max_bytes,
        field.max_pixels,
        field.max_aspect,
        field.formats,
    )


def stepped(field: Field) -> tuple[int, int] | None:
    """Multiple and offset of a whole number that pydantic has no word for."""
    if isinstance(field, IntegerField) and field.multiple_of > 1 and field.offset:
        return field.multiple_of, field.offset
    return None


def output_view(output: Output) -> OutputView:
    """One output."""
    handler, media_type = _HANDLERS[output.kind]
    arguments = [python_source("name={}", output.name), python_source("node={}", output.node_id)]
    if output.media_type != media_type:
        arguments.append(python_source("media_type={}", output.media_type))
    if output.many:
        arguments.append(Python("many=True"))
    return OutputView(
        name=output.name,
        title=output.title,
        description=output.description,
        handler_class=handler,
        arguments=python_list(arguments),
        media_type=output.media_type,
        kind=output.kind.value,
        many=output.many,
    )


def assignment(field: Field, target: Target) -> Python:
    """The line of patch code that writes a field into one input."""
    match field:
        case SeedField():
            source = python_source("run.seeds[{}]", field.name)
        case ImageField():
            source = python_source("run.files[{}]", field.name)
        case _:
            source = python_source("request.{}", name(field.name))
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


def variant_blocks(interface: Interface) -> tuple[Block, ...]:
    """What patch code does where images are omitted: all rewrites, fewer images before more, then all removals.

    A single block does both where a single image may be omitted.
    """
    blocks = []
    for item in interface.variants:
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


def patch_imports(interface: Interface) -> Python:
    """What patch code needs of the runtime."""
    imports = {"Prompt", "Run"}
    for field in interface.fields:
        for target in field.targets:
            if target.member is not None:
                imports.add("set_member")
            if target.expression is not None:
                imports |= rounding_of(target.expression)
    return imported(imports)


def imported(names: Iterable[str]) -> Python:
    """What is imported of a module, in order."""
    return python_list(map(name, sorted(names)))


def _quoted(text: str) -> str:
    return "empty" if not text else f'"{text}"'


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "any"
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"
