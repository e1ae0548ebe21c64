"""The author's Python packages beside those that ComfyUI's environment has."""

from __future__ import annotations

import re
from collections.abc import Mapping

from comfy2runpod.diagnostics import Collector
from comfy2runpod.errors.image_parts import PackageOfComfyUI
from comfy2runpod.ir.annotation import Annotation
from comfy2runpod.ir.interface import ImageSettings
from comfy2runpod.note_forms import Attention, normal_name
from comfy2runpod.stages.emit.image import attention_lock, layer_locks


def check_packages(image: ImageSettings, comfyui_version: str, annotation: Annotation, file: str) -> None:
    """Refuses a version of the note's beside the one that ComfyUI's environment has.

    Raises:
        CompileError: some packages are in both.
    """
    taken = _taken_packages(comfyui_version, image.attention) if image.pip else {}
    found = Collector()
    for package in image.pip:
        if package.name in taken:
            at = annotation.at(file, f"image.pip.{package.name}")
            found.add(PackageOfComfyUI(at=at, package=package.name, version=taken[package.name]))
    found.finish()


def _taken_packages(comfyui_version: str, attention: Attention | None) -> Mapping[str, str]:
    """The packages that ComfyUI's environment has without the author's, by their normal name, with their versions."""
    locks = [*layer_locks(comfyui_version).values(), *([attention_lock(attention)] if attention else [])]
    return {
        normal_name(name): version
        for lock in locks
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, re.MULTILINE)
    }
