"""What an image is built from: the locks of its packages, one for each layer, and what installs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from comfy2runpod.ir.interface import ImageFile, ImageSettings
from comfy2runpod.note_forms import Attention, PinnedPackage
from comfy2runpod.quoting import NotQuotable, requirement, word
from comfy2runpod.stages.emit.environment import template_text

# A package's folder for it.
_IMAGE_FOLDER = "image"
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
WORKER_LOCK = f"{_IMAGE_FOLDER}/worker.lock"


# Of the author's packages. What an sdist's build takes from the index would be held to no hash.
_EXTRA_LOCK = "extra.lock"
_ONLY_WHEELS = "--only-binary :all:\n"
# Where in the image an author's files lie, by their folder in the package.
FILE_FOLDERS: Mapping[str, str] = {
    f"{_IMAGE_FOLDER}/files/app/": "/app/files/",
    f"{_IMAGE_FOLDER}/files/comfyui/": "/opt/comfyui/",
}


def build_files(comfyui_version: str, image: ImageSettings) -> dict[str, str | bytes]:
    """The files of which the image is built, by path in the package."""
    found: dict[str, str | bytes] = {name: template_text(name) for name in ("install.sh", "worker.lock")}
    if image.attention is not None:
        found["attention.lock"] = attention_lock(image.attention)
    if image.pip:
        found[_EXTRA_LOCK] = _ONLY_WHEELS + "".join(map(_locked, image.pip))
    found |= layer_locks(comfyui_version)
    return {f"{_IMAGE_FOLDER}/{name}": text for name, text in found.items()} | {
        path_in_package(one): one.data for one in image.files
    }


def path_in_package(file: ImageFile) -> str:
    """Where a file of the author's lies in the package.

    Raises:
        NotQuotable: its path in the image is not one that the note may name.
    """
    for folder, place in FILE_FOLDERS.items():
        if file.path.startswith(place):
            return word(folder + file.path.removeprefix(place))
    raise NotQuotable(f"{file.path!r} is no place for a file in the image")


def file_folders(image: ImageSettings) -> tuple[tuple[str, str], ...]:
    """The package's folders of the author's files, and where the image has each."""
    return tuple(
        (folder, place)
        for folder, place in FILE_FOLDERS.items()
        if any(one.path.startswith(place) for one in image.files)
    )


def attention_lock(attention: Attention) -> str:
    """The lock of the library that computes attention."""
    return template_text(f"attention-{attention.value}.lock")


def _locked(package: PinnedPackage) -> str:
    hashes = "".join(f" \\\n    --hash={requirement(one)}" for one in package.hashes)
    return f"{requirement(package.name)}=={requirement(package.version)}{hashes}\n"


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
