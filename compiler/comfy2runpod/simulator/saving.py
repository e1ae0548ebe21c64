"""What each Save node leaves behind, under the key that ComfyUI's own has: files, and what the history says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from comfy2runpod.ir.json import Json, JsonObject
from comfy2runpod.shapes.rules import UNKNOWN_TEXT, shown_text
from comfy2runpod.shapes.values import Clip, Constant, Images, Shape, Sound, Value
from comfy2runpod.simulator.media import save_animation, save_image, save_shape, save_sound, save_video

Place: TypeAlias = Callable[[str], tuple[Path, JsonObject]]

# What each class saves, under which input.
SAVES: Mapping[str, tuple[str, type[Value]]] = {
    "SaveVideo": ("video", Clip),
    "SaveWEBM": ("images", Images),
    "SaveImage": ("images", Images),
    "SaveAnimatedPNG": ("images", Images),
    "SaveAnimatedWEBP": ("images", Images),
    "SaveAudio": ("audio", Sound),
    "SaveAudioMP3": ("audio", Sound),
    "SaveAudioOpus": ("audio", Sound),
    "SaveGLB": ("mesh", Shape),
}
_SOUND_ENDINGS = {"SaveAudio": "flac", "SaveAudioMP3": "mp3", "SaveAudioOpus": "opus"}
_WEBM_ENCODERS = {"vp9": "libvpx-vp9", "av1": "libsvtav1"}


def saved(class_type: str, given: Mapping[str, Value], mark: bytes, place: Place) -> JsonObject | None:
    """Saves what a node is given.

    Args:
        class_type: the node's class.
        given: its inputs.
        mark: what the media are drawn from.
        place: gives the next free path for a file's ending, and what the history says of it.

    Returns:
        What the history says of the node; None if it saves nothing.

    Raises:
        NodeError: it fails as the real one would.
    """
    match class_type, _of(given):
        case "SaveVideo", Clip() as clip:
            path, entry = place("mp4")
            save_video(clip, mark, path)
            return {"images": [entry], "animated": [True]}
        case "SaveWEBM", Images() as images:
            path, entry = place("webm")
            codec = _WEBM_ENCODERS[str(_constant(given, "codec", "vp9"))]
            save_video(Clip(images, _fps(given), None), mark, path, codec)
            return {"images": [entry], "animated": [True]}
        case "SaveImage", Images() as images:
            entries: list[Json] = []
            for index in range(images.frames):
                path, entry = place("png")
                save_image(images, index, mark, path)
                entries.append(entry)
            return {"images": entries}
        case (("SaveAnimatedPNG" | "SaveAnimatedWEBP"), Images() as images):
            path, entry = place("png" if class_type == "SaveAnimatedPNG" else "webp")
            save_animation(images, _fps(given), mark, path)
            return {"images": [entry], "animated": [True]}
        case (("SaveAudio" | "SaveAudioMP3" | "SaveAudioOpus"), Sound() as sound):
            path, entry = place(_SOUND_ENDINGS[class_type])
            save_sound(sound, mark, path)
            return {"audio": [entry]}
        case "SaveGLB", Shape():
            path, entry = place("glb")
            save_shape(mark, path)
            return {"3d": [entry]}
        case "PreviewAny", value if value is not None:
            return {"text": [shown_text(value) or UNKNOWN_TEXT]}
    return None


def _of(given: Mapping[str, Value]) -> Value | None:
    """What a node saves, under whatever name its class has for it."""
    return next((given[name] for name in ("video", "images", "audio", "mesh", "source") if name in given), None)


def _constant(given: Mapping[str, Value], name: str, default: Json) -> Json:
    value = given.get(name)
    return value.value if isinstance(value, Constant) else default


def _fps(given: Mapping[str, Value]) -> float:
    value = _constant(given, "fps", 6.0)
    return float(value) if isinstance(value, int | float) else 6.0
