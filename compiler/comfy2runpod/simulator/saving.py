"""What each Save node leaves behind, under the key that ComfyUI's own has: files, and what the history says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from comfy2runpod.catalog.node_class import NodeClass
from comfy2runpod.shapes.rules import UNKNOWN_TEXT, shown_text
from comfy2runpod.shapes.values import Clip, Constant, Images, Shape, Sound, Value
from comfy2runpod.simulator.bounds import check_animation, check_clip, check_images, check_sound
from comfy2runpod.simulator.media import Notes, save_animation, save_image, save_shape, save_sound, save_video
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.media import MediaKind

Place: TypeAlias = Callable[[str], tuple[Path, JsonObject]]

_ENDINGS: Mapping[str, str] = {
    "audio/flac": "flac",
    "audio/mpeg": "mp3",
    "audio/ogg": "opus",
    "image/png": "png",
    "image/webp": "webp",
    "model/gltf-binary": "glb",
    "video/mp4": "mp4",
    "video/webm": "webm",
}
# What a node that saves a kind must be given. Of other kinds nothing is drawn, but texts.
_DRAWN: Mapping[MediaKind, type[Value]] = {
    MediaKind.VIDEO: Images,
    MediaKind.IMAGE: Images,
    MediaKind.ANIMATION: Images,
    MediaKind.AUDIO: Sound,
    MediaKind.MODEL3D: Shape,
}
_WEBM = "video/webm"
_WEBM_ENCODERS = {"vp9": "libvpx-vp9", "av1": "libsvtav1"}


def saved_kind(node_class: NodeClass) -> tuple[str, type[Value]] | None:
    """The input that a class saves, and what it must be given there; None if nothing of it is drawn."""
    saves, spec = node_class.saves, node_class.saved_input
    if saves is None or spec is None or saves.media_type not in _ENDINGS or saves.kind not in _DRAWN:
        return None
    return spec.name, Clip if spec.type == "VIDEO" else _DRAWN[saves.kind]


def saved(
    node_class: NodeClass, given: Mapping[str, Value], mark: bytes, place: Place, notes: Notes
) -> JsonObject | None:
    """Saves what a node is given.

    Args:
        node_class: the node's class.
        given: its inputs.
        mark: what the media are drawn from.
        place: gives the next free path for a file's ending, and what the history says of it.
        notes: what the files tell of the prompt.

    Returns:
        What the history says of the node; None if it saves nothing.

    Raises:
        NodeError: it fails as the real one would, or is more than the simulator makes.
    """
    saves, spec = node_class.saves, node_class.saved_input
    value = None if spec is None else given.get(spec.name)
    if saves is None or value is None:
        return None
    if saves.kind is MediaKind.TEXT:
        return {"text": [shown_text(value) or UNKNOWN_TEXT]}
    if saved_kind(node_class) is None:
        return None
    match saves.kind, value:
        case MediaKind.VIDEO, Clip() | Images():
            clip = value if isinstance(value, Clip) else Clip(value, _fps(given), None)
            check_clip(clip)
            path, entry = place(_ENDINGS[saves.media_type])
            if saves.media_type == _WEBM:
                save_video(clip, mark, path, notes, _WEBM_ENCODERS[str(_constant(given, "codec", "vp9"))])
            else:
                save_video(clip, mark, path, notes)
            return {"images": [entry], "animated": [True]}
        case MediaKind.IMAGE, Images() as images:
            entries: list[Json] = []
            check_images(images)
            for index in range(images.frames):
                path, entry = place(_ENDINGS[saves.media_type])
                save_image(images, index, mark, path, notes)
                entries.append(entry)
            return {"images": entries}
        case MediaKind.ANIMATION, Images() as images:
            check_animation(images)
            path, entry = place(_ENDINGS[saves.media_type])
            save_animation(images, _fps(given), mark, path, notes)
            return {"images": [entry], "animated": [True]}
        case MediaKind.AUDIO, Sound() as sound:
            check_sound(sound)
            path, entry = place(_ENDINGS[saves.media_type])
            save_sound(sound, mark, path, notes)
            return {"audio": [entry]}
        case MediaKind.MODEL3D, Shape():
            path, entry = place(_ENDINGS[saves.media_type])
            save_shape(mark, path, notes)
            return {"3d": [entry]}
        case _:
            return None


def _constant(given: Mapping[str, Value], name: str, default: Json) -> Json:
    value = given.get(name)
    return value.value if isinstance(value, Constant) else default


def _fps(given: Mapping[str, Value]) -> float:
    value = _constant(given, "fps", 6.0)
    return float(value) if isinstance(value, int | float) else 6.0
