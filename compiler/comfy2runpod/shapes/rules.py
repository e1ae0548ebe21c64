"""What node classes make of sizes and lengths: small rules, as ComfyUI's own nodes do it. Which class goes by which
rule is a fact (`sizes`).

Images and latents have modules of their own; here are loading, texts, numbers, sound, video, saving, and the table of
all. A class without such a fact has a size that is not known (`evaluate.py`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache

from comfy2runpod.catalog.facts.sizes import SizeRule, Sizes
from comfy2runpod.catalog.node_class import NodeClass
from comfy2runpod.shapes.arithmetic import NotComputed, compute
from comfy2runpod.shapes.evaluate import MOST_CHARACTERS, Inputs, Rule, RuleMaker
from comfy2runpod.shapes.images import IMAGES
from comfy2runpod.shapes.latents import LATENTS
from comfy2runpod.shapes.values import (
    Clip,
    Conditioning,
    Constant,
    Images,
    InputImage,
    Mask,
    NodeError,
    Opaque,
    Shape,
    Sigmas,
    Sound,
    Value,
)
from comfy2runpod_contract.json_types import Json


def _load_image(given: Inputs) -> tuple[Value, ...]:
    image = given.get("image", InputImage)
    return Images(image.width, image.height, image.frames), _alpha(image)


def _load_video(given: Inputs) -> tuple[Value, ...]:
    return (given.get("file", Clip),)


def _load_mask(given: Inputs) -> tuple[Value, ...]:
    image = given.get("image", InputImage)
    if given.constant("channel") == "alpha":
        return (_alpha(image),)
    return (Mask(image.width, image.height, image.frames),)


def _alpha(image: InputImage) -> Mask:
    # Without alpha the real node makes an empty mask of a size of its own.
    return Mask(image.width, image.height, image.frames) if image.has_alpha else Mask(64, 64, image.frames)


def _same_conditioning(given: Inputs) -> tuple[Value, ...]:
    return (given.any("conditioning"),)


def _create_video(given: Inputs) -> tuple[Value, ...]:
    images, fps = given.get("images", Images), given.number("fps")
    return (Clip(images, fps, given.optional("audio", Sound)),)


def _scheduler(given: Inputs) -> tuple[Value, ...]:
    return (Sigmas(given.whole("steps")),)


def _manual_sigmas(given: Inputs) -> tuple[Value, ...]:
    count = len([part for part in given.text("sigmas").split(",") if part.strip()])
    return (Sigmas(max(0, count - 1)),)


def _encoded_text(_given: Inputs) -> tuple[Value, ...]:
    return (Conditioning(),)


def _ltxv_conditioning(given: Inputs) -> tuple[Value, ...]:
    return given.conditionings()


def _value(name: str) -> Rule:
    def rule(given: Inputs) -> tuple[Value, ...]:
        return (Constant(given.constant(name)),)

    return rule


def _concatenated(given: Inputs) -> tuple[Value, ...]:
    first, between, second = (given.text(name) for name in ("string_a", "delimiter", "string_b"))
    if len(first) + len(between) + len(second) > MOST_CHARACTERS:
        return (_too_long(given),)
    return (Constant(first + between + second),)


def _too_long(given: Inputs) -> Constant:
    given.doubtful(f"a text has over {MOST_CHARACTERS:,} characters")
    return Constant(UNKNOWN_TEXT)


_TRIMS = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}


def _trimmed(given: Inputs) -> tuple[Value, ...]:
    return (Constant(_TRIMS[str(given.constant("mode"))](given.text("string"))),)


def _empty_audio(given: Inputs) -> tuple[Value, ...]:
    return (Sound(given.number("duration", 60), given.whole("sample_rate", 44100)),)


def _switched(given: Inputs) -> tuple[Value, ...]:
    name = "on_true" if given.constant("switch") is True else "on_false"
    if not given.has(name):
        given.doubtful("the switch gives what nothing is linked to")
    return (given.any(name),)


def _computed(given: Inputs) -> tuple[Value, ...]:
    names = {name.partition(".")[2]: given.constant(name) for name in given.names("values.")}
    numbers = {name: value for name, value in names.items() if isinstance(value, (int, float))}
    try:
        found = compute(given.text("expression"), numbers)
        return Constant(float(found)), Constant(int(found)), Constant(bool(found))
    except (NotComputed, OverflowError) as error:
        given.doubtful(f"the expression is not computed: {error}")
        return Constant(1.0), Constant(1), Constant(value=True)


def _chosen(given: Inputs) -> tuple[Value, ...]:
    return Constant(given.constant("choice")), Constant(given.whole("index"))


def _resolution(ratios: tuple[tuple[int, int], ...]) -> Rule:
    """A width and height of so many megapixels, in a ratio that is chosen by its name: `16:9 (wide)`."""
    by_name = {f"{wide}:{high}": (wide, high) for wide, high in ratios}

    def rule(given: Inputs) -> tuple[Value, ...]:
        wide, high = by_name.get(str(given.constant("aspect_ratio")).partition(" ")[0], (1, 1))
        scale = math.sqrt(given.number("megapixels", 1) * 1024 * 1024 / (wide * high))
        return Constant(round(wide * scale / 8) * 8), Constant(round(high * scale / 8) * 8)

    return rule


def _replaced(given: Inputs) -> tuple[Value, ...]:
    text, find, by = (given.text(name) for name in ("string", "find", "replace"))
    # As many as there are gaps for an empty one.
    if len(text) + text.count(find) * (len(by) - len(find)) > MOST_CHARACTERS:
        return (_too_long(given),)
    return (Constant(text.replace(find, by)),)


def _components(given: Inputs) -> tuple[Value, ...]:
    clip = given.get("video", Clip)
    # The real node gives None where a video has no sound.
    return clip.images, clip.sound or Constant(None), Constant(clip.fps)


def _trimmed_sound(given: Inputs) -> tuple[Value, ...]:
    sound, start = given.get("audio", Sound), given.number("start_index")
    start = max(0.0, min(sound.seconds + start if start < 0 else start, sound.seconds))
    end = max(0.0, min(start + given.number("duration"), sound.seconds))
    if start >= end:
        why = "AudioTrim: Start time must be less than end time and be within the audio length."
        raise NodeError("ValueError", why)
    return (Sound(end - start, sound.rate),)


def _mesh(_given: Inputs) -> tuple[Value, ...]:
    return (Shape(),)


def _opaque(kind: str) -> Rule:
    def rule(_given: Inputs) -> tuple[Value, ...]:
        return (Opaque(kind),)

    return rule


def _shown(given: Inputs) -> tuple[Value, ...]:
    text = shown_text(given.any("source"))
    if text is None:
        given.doubtful("only ComfyUI knows how it shows this as a text")
    return (Constant(text or UNKNOWN_TEXT),)


# What stands for a text that is not known.
UNKNOWN_TEXT = "(not known to the simulator)"


def shown_text(value: Value) -> str | None:
    """What PreviewAny shows of a plain value; None of anything else, whose text only the real one knows."""
    match value:
        case Constant(str() as text):
            return text
        case Constant(bool() | int() | float() as plain):
            return str(plain)
        case Constant(other):
            return _written(other)
        case _:
            return None


def _written(value: Json) -> str | None:
    """It as JSON, indented, which makes a deep one many times longer; None beyond `MOST_CHARACTERS`."""
    parts, length = list[str](), 0
    try:
        for part in json.JSONEncoder(indent=4).iterencode(value):
            parts.append(part)
            length += len(part)
            if length > MOST_CHARACTERS:
                return None
    except (ValueError, RecursionError):
        return None
    return "".join(parts)


def _saved(_given: Inputs) -> tuple[Value, ...]:
    return ()


_RULES: Mapping[SizeRule, RuleMaker] = {
    SizeRule.VALUE: lambda sizes: _value(sizes.input),
    SizeRule.OPAQUE: lambda sizes: _opaque(sizes.type),
    SizeRule.RESOLUTION: lambda sizes: _resolution(sizes.sides),
    SizeRule.LOAD_IMAGE: lambda _: _load_image,
    SizeRule.LOAD_MASK: lambda _: _load_mask,
    SizeRule.LOAD_VIDEO: lambda _: _load_video,
    SizeRule.SAME_CONDITIONING: lambda _: _same_conditioning,
    SizeRule.LTXV_CONDITIONING: lambda _: _ltxv_conditioning,
    SizeRule.SCHEDULE_STEPS: lambda _: _scheduler,
    SizeRule.SCHEDULE_LISTED: lambda _: _manual_sigmas,
    SizeRule.TEXT_CONDITIONING: lambda _: _encoded_text,
    SizeRule.CREATE_VIDEO: lambda _: _create_video,
    SizeRule.JOIN_TEXTS: lambda _: _concatenated,
    SizeRule.TRIM_TEXT: lambda _: _trimmed,
    SizeRule.EMPTY_AUDIO: lambda _: _empty_audio,
    SizeRule.MESH: lambda _: _mesh,
    SizeRule.SHOWN_TEXT: lambda _: _shown,
    SizeRule.NOTHING: lambda _: _saved,
    SizeRule.SWITCH: lambda _: _switched,
    SizeRule.EXPRESSION: lambda _: _computed,
    SizeRule.CHOICE: lambda _: _chosen,
    SizeRule.REPLACE_TEXT: lambda _: _replaced,
    SizeRule.VIDEO_COMPONENTS: lambda _: _components,
    SizeRule.TRIM_AUDIO: lambda _: _trimmed_sound,
    **IMAGES,
    **LATENTS,
}


def rule_of(node_class: NodeClass) -> Rule | None:
    """The rule by which a class makes sizes; None if nothing tells it."""
    sizes = node_class.facts.sizes
    return None if sizes is None else _rule(sizes)


@lru_cache(maxsize=1000)
def _rule(sizes: Sizes) -> Rule:
    return _RULES[sizes.rule](sizes)
