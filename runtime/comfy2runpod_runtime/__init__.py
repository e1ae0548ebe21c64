"""The worker beside ComfyUI: what generated packages are written on.

They import the class of a kind of file or output from its module: `inputs.kinds.image`, `outputs.video`.

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
    from comfy2runpod_runtime.inputs.field_types import Stepped
    from comfy2runpod_runtime.inputs.request_options import ImageOptions, OutputOptions
    from comfy2runpod_runtime.outputs.answer_models import AnswerFile, inline_or_url
    from comfy2runpod_runtime.outputs.base import Output
    from comfy2runpod_runtime.prompt import Prompt, PromptNode, Run, set_member

_MODULES: Mapping[str, tuple[str, ...]] = {
    "comfy2runpod_contract.rounding": ("round_down", "round_up"),
    "comfy2runpod_runtime.outputs.answer_models": ("AnswerFile", "inline_or_url"),
    "comfy2runpod_contract.version": ("CONTRACT",),
    "comfy2runpod_runtime.endpoint": ("Endpoint",),
    "comfy2runpod_runtime.errors": ("JobFailed", "PackageError", "SettingsError"),
    "comfy2runpod_runtime.inputs.field_types": ("Stepped",),
    "comfy2runpod_runtime.outputs.base": ("Output",),
    "comfy2runpod_runtime.prompt": ("Prompt", "PromptNode", "Run", "set_member"),
    "comfy2runpod_runtime.inputs.request_options": ("ImageOptions", "OutputOptions"),
}

__all__ = [
    "CONTRACT",
    "AnswerFile",
    "Endpoint",
    "ImageOptions",
    "JobFailed",
    "Output",
    "OutputOptions",
    "PackageError",
    "Prompt",
    "PromptNode",
    "Run",
    "SettingsError",
    "Stepped",
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
