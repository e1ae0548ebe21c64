"""The worker beside ComfyUI: what generated packages are written on."""

from comfy2runpod_runtime.endpoint import CONTRACT, Endpoint
from comfy2runpod_runtime.errors import JobError, PackageError
from comfy2runpod_runtime.fields import Stepped
from comfy2runpod_runtime.outputs import Audio, Image, Output, Video
from comfy2runpod_runtime.prompt import Prompt, PromptNode, Run, round_down, round_up, set_member

__all__ = [
    "CONTRACT",
    "Audio",
    "Endpoint",
    "Image",
    "JobError",
    "Output",
    "PackageError",
    "Prompt",
    "PromptNode",
    "Run",
    "Stepped",
    "Video",
    "round_down",
    "round_up",
    "set_member",
]
