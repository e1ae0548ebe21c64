"""The worker beside ComfyUI: what generated packages are written on.

Importing this costs little: the endpoint, which brings the HTTP and media libraries, is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from comfy2runpod_contract.rounding import round_down, round_up
from comfy2runpod_runtime.answers import AnswerFile, inline_or_url
from comfy2runpod_runtime.errors import JobError, PackageError, SettingsError
from comfy2runpod_runtime.fields import ImageInput, Stepped
from comfy2runpod_runtime.prompt import Prompt, PromptNode, Run, set_member
from comfy2runpod_runtime.requests import ImageOptions, OutputOptions

if TYPE_CHECKING:
    from comfy2runpod_runtime.endpoint import CONTRACT, Endpoint
    from comfy2runpod_runtime.outputs import Animation, Audio, Drawing, Image, Model3D, Output, Text, Video

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
    "JobError",
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
    "inline_or_url",
    "round_down",
    "round_up",
    "set_member",
]


def __getattr__(name: str) -> object:
    """The names of `endpoint` and `outputs`, on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from comfy2runpod_runtime import endpoint, outputs  # noqa: PLC0415 - the point of this function

    return getattr(endpoint if hasattr(endpoint, name) else outputs, name)
