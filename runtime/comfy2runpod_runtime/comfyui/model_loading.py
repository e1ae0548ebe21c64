"""How ComfyUI reads model files, and where its compilers keep what they made, by the disks that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from comfy2runpod_runtime.models.mounts import Mount

# Who chooses one of these in COMFYUI_ARGS has chosen how files are read.
_CHOICES = frozenset({"--disable-mmap", "--mmap-torch-files", "--fast-disk"})
_CACHE = "comfy2runpod-cache"
_CACHES = {"TORCHINDUCTOR_CACHE_DIR": "torchinductor", "TRITON_CACHE_DIR": "triton"}


def loading_arguments(models: Mount | None, given: Sequence[str]) -> tuple[str, ...]:
    """Returns the arguments for how model files are read.

    A file that is mapped is read page by page in the order in which its weights are used, each over the network where
    the disk is one. `--disable-mmap` maps it as well, but copies all of it at once, from its beginning to its end.

    Args:
        models: the mount on which the models are; None if it is not known.
        given: the arguments of COMFYUI_ARGS, which come after these.
    """
    chosen = {argument.partition("=")[0] for argument in given}
    return ("--disable-mmap",) if models is not None and models.over_network and not chosen & _CHOICES else ()


def compiler_caches(volume: Mount | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables by which TorchInductor and Triton keep compiled code on the volume.

    Args:
        volume: the volume's mount; None if there is none.
        environment: the worker's variables: one that is set there stays as it is.
    """
    # Both load compiled code from there.
    if volume is None or volume.read_only or "noexec" in volume.options:
        return {}
    folder = volume.point / _CACHE
    return {name: str(folder / part) for name, part in _CACHES.items() if name not in environment}
