"""What each node class makes of sizes and lengths: one small rule a class, as ComfyUI 0.21.0's own nodes do it.

Images and latents have modules of their own; here are loading, texts, numbers, sound, video, saving, and the table of
all. A class without a rule has a size that is not known (`evaluate.py`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from comfy2runpod.shapes.arithmetic import NotComputed, compute
from comfy2runpod.shapes.evaluate import Inputs, Rule
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


def _load_image(given: Inputs) -> tuple[Value, ...]:
    image = given.get("image", InputImage)
    return Images(image.width, image.height, image.frames), _alpha(image)


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
    text = given.constant("sigmas")
    count = len([part for part in str(text).split(",") if part.strip()])
    return (Sigmas(max(0, count - 1)),)


def _encoded_text(_given: Inputs) -> tuple[Value, ...]:
    return (Conditioning(),)


def _ltxv_conditioning(given: Inputs) -> tuple[Value, ...]:
    conditioning = Conditioning(given.number("frame_rate"))
    return conditioning, conditioning


def _value(given: Inputs) -> tuple[Value, ...]:
    return (Constant(given.constant("value")),)


def _concatenated(given: Inputs) -> tuple[Value, ...]:
    parts = (str(given.get(name, Constant).value) for name in ("string_a", "string_b"))
    return (Constant(str(given.constant("delimiter")).join(parts)),)


_TRIMS = {"Both": str.strip, "Left": str.lstrip, "Right": str.rstrip}


def _trimmed(given: Inputs) -> tuple[Value, ...]:
    return (Constant(_TRIMS[str(given.constant("mode"))](str(given.get("string", Constant).value))),)


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
        found = compute(str(given.constant("expression")), numbers)
        return Constant(float(found)), Constant(int(found)), Constant(bool(found))
    except (NotComputed, OverflowError) as error:
        given.doubtful(f"the expression is not computed: {error}")
        return Constant(1.0), Constant(1), Constant(value=True)


def _chosen(given: Inputs) -> tuple[Value, ...]:
    return Constant(given.constant("choice")), Constant(given.whole("index"))


_RATIOS = {
    "1:1": (1, 1), "3:2": (3, 2), "4:3": (4, 3), "16:9": (16, 9), "21:9": (21, 9), "2:3": (2, 3), "3:4": (3, 4),
    "9:16": (9, 16),
}  # fmt: skip


def _resolution(given: Inputs) -> tuple[Value, ...]:
    wide, high = _RATIOS.get(str(given.constant("aspect_ratio")).partition(" ")[0], (1, 1))
    scale = math.sqrt(given.number("megapixels", 1) * 1024 * 1024 / (wide * high))
    return Constant(round(wide * scale / 8) * 8), Constant(round(high * scale / 8) * 8)


def _replaced(given: Inputs) -> tuple[Value, ...]:
    text, find, by = (str(given.get(name, Constant).value) for name in ("string", "find", "replace"))
    return (Constant(text.replace(find, by)),)


def _components(given: Inputs) -> tuple[Value, ...]:
    clip = given.get("video", Clip)
    return clip.images, clip.sound or Sound(clip.images.frames / max(clip.fps, 1), 44100), Constant(clip.fps)


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
            return json.dumps(other, indent=4)
    return None


def _saved(_given: Inputs) -> tuple[Value, ...]:
    return ()


RULES: Mapping[str, Rule] = {
    "LoadImage": _load_image,
    "LoadImageMask": _load_mask,
    "ReferenceLatent": _same_conditioning,
    "LTXVConditioning": _ltxv_conditioning,
    "LTXVScheduler": _scheduler,
    "BasicScheduler": _scheduler,
    "Flux2Scheduler": _scheduler,
    "ManualSigmas": _manual_sigmas,
    "CLIPTextEncode": _encoded_text,
    "CreateVideo": _create_video,
    "PrimitiveInt": _value,
    "PrimitiveFloat": _value,
    "PrimitiveString": _value,
    "PrimitiveStringMultiline": _value,
    "PrimitiveBoolean": _value,
    "StringConcatenate": _concatenated,
    "StringTrim": _trimmed,
    "EmptyAudio": _empty_audio,
    "EmptyLatentHunyuan3Dv2": _opaque("LATENT"),
    "VAEDecodeHunyuan3D": _opaque("VOXEL"),
    "VoxelToMesh": _mesh,
    "VoxelToMeshBasic": _mesh,
    "PreviewAny": _shown,
    "SaveVideo": _saved,
    "SaveWEBM": _saved,
    "SaveImage": _saved,
    "SaveAnimatedPNG": _saved,
    "SaveAnimatedWEBP": _saved,
    "SaveAudio": _saved,
    "SaveAudioMP3": _saved,
    "SaveAudioOpus": _saved,
    "SaveGLB": _saved,
    "PreviewImage": _saved,
    "ComfySwitchNode": _switched,
    "ComfyMathExpression": _computed,
    "CustomCombo": _chosen,
    "ResolutionSelector": _resolution,
    "StringReplace": _replaced,
    "GetVideoComponents": _components,
    "TrimAudioDuration": _trimmed_sound,
    **IMAGES,
    **LATENTS,
}
