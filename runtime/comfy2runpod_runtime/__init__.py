"""The worker beside ComfyUI: what generated packages are written on.

Importing this costs nothing: a name brings its module when it is asked for, the endpoint's with the HTTP and media
libraries, and the decoder of callers' images, a process of its own, brings none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from comfy2runpod_contract.rounding import round_down, round_up
    from comfy2runpod_contract.version import CONTRACT
    from comfy2runpod_runtime.endpoint import Endpoint
    from comfy2runpod_runtime.errors import JobFailed, PackageError, SettingsError
    from comfy2runpod_runtime.inputs.field_types import ImageInput, Stepped, VideoInput
    from comfy2runpod_runtime.inputs.request_options import ImageOptions, OutputOptions
    from comfy2runpod_runtime.outputs.animation import Animation
    from comfy2runpod_runtime.outputs.answer_models import AnswerFile, inline_or_url
    from comfy2runpod_runtime.outputs.audio import Audio
    from comfy2runpod_runtime.outputs.base import Output
    from comfy2runpod_runtime.outputs.drawing import Drawing
    from comfy2runpod_runtime.outputs.image import Image
    from comfy2runpod_runtime.outputs.model3d import Model3D
    from comfy2runpod_runtime.outputs.text import Text
    from comfy2runpod_runtime.outputs.video import Video
    from comfy2runpod_runtime.prompt import Prompt, PromptNode, Run, set_member

_MODULES: Mapping[str, tuple[str, ...]] = {
    "comfy2runpod_contract.rounding": ("round_down", "round_up"),
    "comfy2runpod_runtime.outputs.answer_models": ("AnswerFile", "inline_or_url"),
    "comfy2runpod_contract.version": ("CONTRACT",),
    "comfy2runpod_runtime.endpoint": ("Endpoint",),
    "comfy2runpod_runtime.errors": ("JobFailed", "PackageError", "SettingsError"),
    "comfy2runpod_runtime.inputs.field_types": ("ImageInput", "Stepped", "VideoInput"),
    "comfy2runpod_runtime.outputs.animation": ("Animation",),
    "comfy2runpod_runtime.outputs.audio": ("Audio",),
    "comfy2runpod_runtime.outputs.base": ("Output",),
    "comfy2runpod_runtime.outputs.drawing": ("Drawing",),
    "comfy2runpod_runtime.outputs.image": ("Image",),
    "comfy2runpod_runtime.outputs.model3d": ("Model3D",),
    "comfy2runpod_runtime.outputs.text": ("Text",),
    "comfy2runpod_runtime.outputs.video": ("Video",),
    "comfy2runpod_runtime.prompt": ("Prompt", "PromptNode", "Run", "set_member"),
    "comfy2runpod_runtime.inputs.request_options": ("ImageOptions", "OutputOptions"),
}

__all__ = [
    "CONTRACT",
    "Animation",
    "AnswerFile",
    "Audio",
    "Drawing",
    "Endpoint",
    "Image",
    "ImageInput",
    "ImageOptions",
    "JobFailed",
    "Model3D",
    "Output",
    "OutputOptions",
    "PackageError",
    "Prompt",
    "PromptNode",
    "Run",
    "SettingsError",
    "Stepped",
    "Text",
    "Video",
    "VideoInput",
    "inline_or_url",
    "round_down",
    "round_up",
    "set_member",
]


def __getattr__(name: str) -> object:
    """A name of `__all__`, on first use."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
