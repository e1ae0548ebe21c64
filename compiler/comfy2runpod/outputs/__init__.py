"""What an answer may hold: one module a kind of output, with all that the kind is.

A new kind is a module here and a case below; a module of the same name in the runtime's `outputs/`, which measures its
files; and what compiler and worker agree on about it, in the contract (`media.py`). Which nodes save it is a fact of
each node.
"""

from __future__ import annotations

from typing import TypeAlias

from comfy2runpod.outputs.animation import AnimationOutput
from comfy2runpod.outputs.audio import AudioOutput
from comfy2runpod.outputs.base import OutputBase
from comfy2runpod.outputs.drawing import DrawingOutput
from comfy2runpod.outputs.image import ImageOutput
from comfy2runpod.outputs.model3d import Model3DOutput
from comfy2runpod.outputs.text import TextOutput
from comfy2runpod.outputs.video import VideoOutput
from comfy2runpod_contract.media import MediaKind

__all__ = [
    "AnimationOutput",
    "AudioOutput",
    "DrawingOutput",
    "ImageOutput",
    "Model3DOutput",
    "Output",
    "OutputBase",
    "TextOutput",
    "VideoOutput",
    "output_class",
]

Output: TypeAlias = OutputBase


def output_class(kind: MediaKind) -> type[Output]:
    """The type of outputs of a kind; mypy refuses one here that lacks what a kind has to say (`type-abstract`)."""
    found: type[Output]
    match kind:
        case MediaKind.VIDEO:
            found = VideoOutput
        case MediaKind.IMAGE:
            found = ImageOutput
        case MediaKind.AUDIO:
            found = AudioOutput
        case MediaKind.ANIMATION:
            found = AnimationOutput
        case MediaKind.MODEL3D:
            found = Model3DOutput
        case MediaKind.DRAWING:
            found = DrawingOutput
        case MediaKind.TEXT:
            found = TextOutput
    return found
