"""Packages whose pages are tested: of our graphs, of every kind of field, and of texts with markup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.fields import (
    BooleanField,
    ChoiceField,
    Field,
    ImageField,
    IntegerField,
    NumberField,
    SeedField,
    TextField,
    VideoField,
)
from comfy2runpod.ir.interface import Interface, RunpodSettings
from comfy2runpod.ir.prompt import PromptNode
from comfy2runpod.outputs import ImageOutput, TextOutput
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.stages.emit import emit
from comfy2runpod.write import write_package

ROOT = Path(__file__).parents[2]
OUR_GRAPHS = ("t2i_klein_4b", "i2i_klein_9b", "i2i_multiangle", "t2v_ltx2")

# Ends the script or an attribute, runs if it is ever markup, turns the direction of reading, breaks a line in old
# JavaScript; and no line break in thousands of characters.
MARKUP = (
    "</script><script>window.hit=1</script><img src=x onerror=window.hit=2> \" ' ` ${window.hit=3} {{ 7*7 }} &amp; "
    "<!-- \u202egnp.exe\u202c \u05e9\u05dc\u05d5\u05dd \u2028 \u2029 javascript:hit "
)
ENDLESS = "W" * 3000


def every_kind() -> Interface:
    """One field of every kind, with the bounds that are hardest to keep; and two outputs."""
    return Interface(
        name="every_kind",
        title="Every kind of field",
        description="",
        source="every_kind.json",
        comfyui_version="0.21.0",
        comfyui_commit="0" * 40,
        fields=tuple(_fields()),
        outputs=(
            ImageOutput(
                name="view",
                title="View",
                description="",
                media_type="image/png",
                node_id="1",
                class_type="SaveImage",
                prefix_input="filename_prefix",
                many=True,
            ),
            TextOutput(
                name="said",
                title="Said",
                description="",
                media_type="text/plain",
                node_id="2",
                class_type="PreviewAny",
                prefix_input=None,
                many=False,
            ),
        ),
        models=(),
        runpod=RunpodSettings(("ADA_24",), 20, 600),
    )


def _fields() -> Iterator[Field]:
    def common(name: str, *, required: bool = False) -> dict[str, Any]:
        title = name.replace("_", " ").capitalize()
        return {"name": name, "title": title, "description": f"What {name} is.", "required": required, "targets": ()}

    yield TextField(**common("prompt", required=True), default="a cat", min_length=1, max_length=20, multiline=True)
    yield TextField(**common("style"), default="plain", min_length=0, max_length=40, multiline=True)
    yield TextField(**common("word"), default="four", min_length=3, max_length=8, multiline=False)
    yield IntegerField(**common("size"), default=64, minimum=10, maximum=512, multiple_of=8)
    yield IntegerField(**common("frames"), default=9, minimum=2, maximum=97, multiple_of=8, offset=1)
    yield IntegerField(**common("many"), default=9, minimum=-20000, maximum=20000, multiple_of=8, offset=1)
    yield IntegerField(**common("huge"), default=2**64 - 1, minimum=-(2**63), maximum=2**64 - 1)
    yield NumberField(**common("strength"), default=0.5, minimum=0.0, maximum=1.5)
    yield NumberField(**common("least"), default=1.0, minimum=0.25, maximum=None)
    yield NumberField(**common("any"), default=0.0, minimum=None, maximum=None)
    yield ChoiceField(**common("method"), default="plain", choices=("plain", 'a "quoted" one'))
    yield BooleanField(**common("loop"), default=True)
    yield SeedField(**common("seed"), minimum=0, maximum=2**64 - 1)
    limits = {"max_bytes": 50_000, "max_pixels": 10_000, "max_aspect": 8.0, "formats": ("png", "jpeg", "webp")}
    yield ImageField(**common("image", required=True), **limits)
    yield ImageField(**common("second"), **limits)
    yield VideoField(
        **common("clip"), max_bytes=50_000, max_pixels=10_000, max_frames=60, max_seconds=3, formats=("mp4", "webm")
    )


def write_every_kind(folder: Path) -> Path:
    """The package of `every_kind`, which is looked at and never run."""
    prompt = {
        "1": PromptNode("SaveImage", {"filename_prefix": "x"}, "View"),
        "2": PromptNode("PreviewAny", {}, "Said"),
    }
    write_package(emit(every_kind(), prompt, ()), folder / "every_kind")
    return folder / "every_kind"


def write_ours(name: str, folder: Path) -> Path:
    """A package of one of our graphs."""
    return _compiled((ROOT / "graphs" / f"{name}.json").read_bytes(), name, folder)


def write_hostile(folder: Path) -> Path:
    """The angles, with texts in its note that must stay texts."""
    graph = json.loads((ROOT / "graphs" / "i2i_multiangle.json").read_text("utf-8"))
    (note,) = [node for node in graph["nodes"] if node.get("title") == "comfy2runpod"]
    said = yaml.safe_load(note["widgets_values"][0].strip().removeprefix("```yaml").removesuffix("```"))
    said |= {"title": MARKUP, "description": f"{MARKUP}`<img src=x onerror=window.hit=4>`{ENDLESS}"}
    for one in (*said["inputs"].values(), *said["outputs"].values()):
        one |= {"title": MARKUP, "description": f"{MARKUP}`<img src=x onerror=window.hit=4>`{ENDLESS}"}
    said["inputs"]["style"]["default"] = MARKUP
    note["widgets_values"][0] = f"```yaml\n{yaml.safe_dump(said, allow_unicode=True)}```\n"
    return _compiled(json.dumps(graph).encode(), "hostile", folder)


def _compiled(graph: bytes, name: str, folder: Path) -> Path:
    result = compile_graph(graph, f"{name}.json", load_catalog(), Options(editor=None))
    assert result.files, [str(one) for one in result.diagnostics]
    write_package(result.files, folder / name)
    return folder / name
