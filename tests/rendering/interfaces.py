"""Interfaces that together reach every line of every template: each kind of field and output, one and several."""

from __future__ import annotations

from dataclasses import fields as members

from comfy2runpod.docs_site.package import Models, PackageDocs
from comfy2runpod.docs_site.package import Output as ShownOutput
from comfy2runpod.fields import (
    KINDS,
    BooleanField,
    ChoiceField,
    ImageField,
    IntegerField,
    NumberField,
    SeedField,
    Target,
    TextField,
)
from comfy2runpod.fields.base import FieldBase
from comfy2runpod.fields.file_input import FileField
from comfy2runpod.ir.interface import (
    ImageFile,
    ImageSettings,
    Interface,
    Model,
    Removal,
    Rewrite,
    RunpodSettings,
    Variant,
)
from comfy2runpod.ir.prompt import PromptNode
from comfy2runpod.note_forms import Attention, PinnedPackage
from comfy2runpod.outputs import AudioOutput, ImageOutput, TextOutput, output_class
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.media import MediaKind

URL = "https://huggingface.co/org/name/resolve/main/base.safetensors"


def _common(name: str, *targets: Target, required: bool = False) -> dict[str, object]:
    return {
        "name": name,
        "title": f"Title of {name}",
        "description": f"What {name} does.",
        "required": required,
        "targets": targets,
    }


def _model(file: str, directory: str, url: str, licence: str | None) -> Model:
    return Model(
        file=file, directory=directory, url=url, repo="org/name", path="base.safetensors", revision="main", size=None,
        approximate_size=7_000_000_000, sha256="0" * 64, node_ids=("9",), licence=licence,
    )  # fmt: skip


def _file(kind: type[FileField], number: int) -> FileField:
    """A required file of a kind, of two formats, with the same number for each of the kind's own limits."""
    base = {one.name for one in members(FileField)}
    limits = dict.fromkeys((one.name for one in members(kind) if one.name not in base), 1_000_000)
    return kind(
        **_common(f"a_{kind.kind}", Target(str(number), "LoadFile", "Load", "file"), required=True),
        **limits, max_bytes=5_000_000, formats=tuple(kind.known_formats)[:2],
    )  # fmt: skip


def several() -> Interface:
    """Fields of every kind, images that may be omitted, and outputs of every kind, one with many files."""
    images = {"max_bytes": 5_000_000, "max_pixels": 2_500_000, "max_aspect": 12.5}
    fields: tuple[FieldBase, ...] = (
        TextField(
            **_common("text", Target("1", "Text", "Words", "text"), required=True),
            default="a cat", min_length=1, max_length=9999, multiline=True,
        ),
        TextField(
            **_common("style", Target("1", "Text", "Words", "style")),
            default="ink", min_length=0, max_length=99, multiline=False,
        ),
        IntegerField(
            **_common("size", Target("2", "Size", "Box", "box", "width", "round_up(value, 8)")),
            default=64, minimum=8, maximum=512, multiple_of=8,
        ),
        IntegerField(
            **_common("frames", Target("2", "Size", "Box", "frames")),
            default=9, minimum=1, maximum=97, multiple_of=8, offset=1,
        ),
        NumberField(
            **_common("strength", Target("3", "Mix", "Mix", "strength")), default=0.5, minimum=0.0, maximum=None
        ),
        ChoiceField(
            **_common("method", Target("3", "Mix", "Mix", "method")), default="plain", choices=("plain", "fancy")
        ),
        ChoiceField(
            **_common("model", Target("3", "Mix", "Mix", "model")),
            default="a long choice number 1", choices=tuple(f"a long choice number {at}" for at in range(1, 6)),
        ),
        BooleanField(**_common("loop", Target("3", "Mix", "Mix", "loop")), default=True),
        SeedField(**_common("seed", Target("4", "RandomNoise", "Noise", "noise_seed")), minimum=0, maximum=2**64 - 1),
        ImageField(
            **_common("image", Target("7", "LoadImage", "First", "image"), required=True),
            **images, formats=("png",),
        ),
        ImageField(
            **_common("second", Target("8", "LoadImage", "Second", "image")), **images, formats=("png", "webp")
        ),
    )  # fmt: skip
    fields += tuple(
        _file(kind, number)
        for number, kind in enumerate(KINDS, start=11)
        if issubclass(kind, FileField) and kind is not ImageField
    )
    outputs = (
        ImageOutput(
            name="view", title="View", description="A view.", media_type="image/png", node_id="5",
            class_type="SaveImage", prefix_input="filename_prefix", many=True,
        ),
        AudioOutput(
            name="sound", title="Sound", description="A sound.", media_type="audio/mpeg", node_id="6",
            class_type="SaveAudioMP3", prefix_input="filename_prefix", many=False,
        ),
        TextOutput(
            name="words", title="Words", description="Its words.", media_type="text/plain", node_id="10",
            class_type="PreviewAny", prefix_input=None, many=False,
        ),
    )  # fmt: skip
    return Interface(
        name="several", title="Several things", description="Makes several things.", source="several.json",
        comfyui_version="0.21.0", comfyui_commit="0" * 40, fields=fields, outputs=outputs,
        models=(
            _model("base.safetensors", "ultralytics", URL, "Apache-2.0"),
            _model("LTX/other.safetensors", "loras/ink", "", None),
        ),
        runpod=RunpodSettings(("ADA_24", "AMPERE_24"), 20, 600),
        image=ImageSettings(
            ("gcc", "libgl1"), (("NAME", "a value"),), Attention.SAGE,
            (ImageFile("/app/files/a/b.txt", b"b", "b.txt"),
             ImageFile("/opt/comfyui/models/configs/c.yaml", b"c: 1\n", "c.yaml")),
            (PinnedPackage("colour-science", "0.4.6", (f"sha256:{'0' * 64}",)),),
        ),
    )  # fmt: skip


def single(kind: MediaKind, media_type: str) -> Interface:
    """One output, one field."""
    fields = (
        TextField(
            **_common("text", Target("1", "Text", "Words", "text"), required=True),
            default="a cat", min_length=1, max_length=9999, multiline=True,
        ),
        SeedField(**_common("seed", Target("4", "RandomNoise", "Noise", "noise_seed")), minimum=0, maximum=2**64 - 1),
    )  # fmt: skip
    prefix = None if kind is MediaKind.TEXT else "filename_prefix"
    output = output_class(kind)(
        name="result", title="Result", description="A result.", media_type=media_type, node_id="5", class_type="Save",
        prefix_input=prefix, many=False,
    )  # fmt: skip
    return Interface(
        name="single", title="A single thing", description="Makes a single thing.", source="single.json",
        comfyui_version="0.21.0", comfyui_commit="0" * 40, fields=fields, outputs=(output,), models=(),
        runpod=RunpodSettings(("ADA_24",), 20, 600),
    )  # fmt: skip


def bare() -> Interface:
    """Nothing to say and one thing to get."""
    whole = single(MediaKind.VIDEO, "video/webm")
    return Interface(
        name="bare", title="Bare", description="Bare.", source="bare.json", comfyui_version="0.21.0",
        comfyui_commit="0" * 40, fields=(), outputs=whole.outputs, models=(), runpod=whole.runpod,
    )  # fmt: skip


def interfaces() -> tuple[Interface, ...]:
    """All of them."""
    return (
        several(),
        single(MediaKind.VIDEO, "video/mp4"),
        single(MediaKind.TEXT, "text/plain"),
        single(MediaKind.IMAGE, "image/png"),
        bare(),
    )


# Of the images that may be omitted of `several`.
VARIANTS = (
    Variant(
        ("second",),
        (
            Rewrite("3", "Mix", "First", "with", ["7", 0]),
            Rewrite("3", "Mix", "Second", "more", {"key": ["value", None]}),
            Rewrite("3", "Mix", "Third", "mask", None, gone=True),
        ),
        (Removal("8", "LoadImage", "Second"),),
    ),
)


def variants_of(interface: Interface) -> tuple[Variant, ...]:
    """VARIANTS, if it has the image that they are about."""
    return VARIANTS if any(field.name == "second" for field in interface.fields) else ()


PROMPT = {
    "1": PromptNode("Text", {"text": "", "style": ""}, "Words"),
    "5": PromptNode("SaveImage", {"filename_prefix": "x", "images": ["7", 0]}, "Save"),
}


def shown_packages() -> list[PackageDocs]:
    """Packages of a site."""
    document: JsonObject = {
        "info": {"title": "A thing", "description": "Makes `things`."},
        "components": {"schemas": {"Input": {"description": "What it takes."}}},
    }
    one = PackageDocs(
        name="thing", title="A thing", description="Makes things.", version="0.1.0", contract=3,
        inputs=(("text", 2), ("seed", 1)), required=("text", "size"),
        outputs=(ShownOutput("view", "image/png", many=True), ShownOutput("words", "text", many=False)),
        models=Models(2, 7_000_000_000, exact=False, unknown=0), openapi=document, files={},
    )  # fmt: skip
    return [one, one]
