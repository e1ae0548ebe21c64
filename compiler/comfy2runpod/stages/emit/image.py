"""What an image is built from: the locks of its packages, one for each layer, and what installs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from comfy2runpod.ir.interface import ImageSettings
from comfy2runpod.note_forms import Attention
from comfy2runpod.stages.emit.environment import template_text

# A package's folder for it.
IMAGE_FOLDER = "image"
# The layers of ComfyUI's packages, in order: names, or how they begin; what no layer takes is in the last. Hosts pull
# layers side by side, one of 8 GB as slowly as it is; and a change of one leaves the others.
_LAYERS: Mapping[str, tuple[str, ...]] = {
    "cudnn": ("nvidia-cudnn-", "nvidia-nccl-"),
    "cuda": ("cuda-", "nvidia-"),
    "triton": ("triton",),
    "torch": ("torch",),
}
_REST = "comfyui"
# The lock of the worker's packages but for the runtime's own wheel, which stands with this one in requirements.txt.
WORKER_LOCK = f"{IMAGE_FOLDER}/worker.lock"


def build_files(comfyui_version: str, attention: Attention | None = None) -> dict[str, str]:
    """The files of the folder, by name."""
    fixed = {name: template_text(name) for name in ("install.sh", "worker.lock")}
    if attention is not None:
        fixed["attention.lock"] = template_text(f"attention-{attention.value}.lock")
    return {**layer_locks(comfyui_version), **fixed}


@lru_cache(maxsize=4)
def layer_locks(comfyui_version: str) -> Mapping[str, str]:
    """The lock of ComfyUI's packages, parted into the locks of layers, by file name, in the order of the layers."""
    parts: dict[str, list[str]] = {layer: [] for layer in (*_LAYERS, _REST)}
    for entry in re.findall(r"^\S.*(?:\n[ \t].*)*", template_text(f"comfyui-{comfyui_version}.lock"), re.MULTILINE):
        name = entry.partition("==")[0]
        parts[next((layer for layer, starts in _LAYERS.items() if _is_of(name, starts)), _REST)].append(f"{entry}\n")
    return {f"{layer}.lock": "".join(entries) for layer, entries in parts.items() if entries}


# What ComfyUI is told, to use it.
_ATTENTION_ARGUMENTS = {Attention.SAGE: "--use-sage-attention"}


def image_environment(image: ImageSettings) -> tuple[tuple[str, str], ...]:
    """The variables that the image sets for this package."""
    arguments = _ATTENTION_ARGUMENTS.get(image.attention) if image.attention else None
    given = dict(image.environment)
    if arguments:
        given["COMFYUI_ARGS"] = f"{given.get('COMFYUI_ARGS', '')} {arguments}".strip()
    return tuple(sorted(given.items()))


def _is_of(name: str, starts: tuple[str, ...]) -> bool:
    """Whether a package is one of those, or its name begins with one that ends in a hyphen."""
    return any(name == start or (start.endswith("-") and name.startswith(start)) for start in starts)
