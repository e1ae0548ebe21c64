"""What the files say that make a package's folder a repository: README.md, .env.example, .gitignore, the workflow."""

from __future__ import annotations

from collections.abc import Iterable

from comfy2runpod.catalog.release import RELEASE
from comfy2runpod.ir.interface import Interface, Model
from comfy2runpod.stages.emit.hub_listing import INIT_TIMEOUT
from comfy2runpod.stages.emit.needs import (
    RUNPOD_START_SECONDS,
    SUSTAINED_MEGABYTES_PER_SECOND,
    container_disk_gb,
    fetched,
    model_bytes,
    start_seconds,
)
from comfy2runpod.stages.emit.picture import Picture
from comfy2runpod.stages.emit.tokens import tokens
from comfy2runpod.stages.interface.gpu_pools import GPU_POOLS
from comfy2runpod.worker_settings import worker_settings

_GIGABYTE, _MEGABYTE = 1e9, 1e6
# What a document says of a model where neither the note nor a lock does.
NOT_KNOWN = "not known: run `comfy2runpod lock`"


def repository_views(interface: Interface, picture: Picture | None) -> dict[str, object]:
    """What templates print of a repository, by the names that they print it under."""
    known = [(pool, GPU_POOLS[pool].memory_gb) for pool in interface.runpod.gpu if pool in GPU_POOLS]
    return {
        "models": [(model, size_text(model)) for model in interface.models],
        "not_known": NOT_KNOWN,
        "tokens": [*tokens(interface)],
        "settings": [*worker_settings().values()],
        "init_timeout": INIT_TIMEOUT,
        "start_seconds": start_seconds(interface),
        "runpod_start_seconds": RUNPOD_START_SECONDS,
        "sustained_megabytes": SUSTAINED_MEGABYTES_PER_SECOND,
        "disk_gb": container_disk_gb(interface),
        "own_disk_gb": interface.runpod.container_disk_gb,
        "download": download_text(interface.models),
        "pools": known,
        "cuda_versions": RELEASE.host_cuda,
        "picture": picture.path if picture is not None else None,
    }


def download_text(models: Iterable[Model]) -> str:
    """What a worker downloads, in words; an empty text if nothing."""
    sizes = [model_bytes(model) for model in fetched(models)]
    if not sizes:
        return ""
    known = sum(size for size in sizes if size is not None)
    unknown = sizes.count(None)
    files = f"{len(sizes)} file{'' if len(sizes) == 1 else 's'}"
    if not known:
        return f"{files} of unknown size"
    return f"{files}, {_size(known)}" + (f" and {unknown} of unknown size" if unknown else "")


def size_text(model: Model) -> str:
    """A model file's size in words: exact if the lock knows it, else about what the author wrote."""
    size = model_bytes(model)
    if size is None:
        return NOT_KNOWN
    return _size(size, 2) if model.size else f"about {_size(size, 2)}"


def _size(size: int, digits: int = 1) -> str:
    return f"{size / _GIGABYTE:.{digits}f} GB" if size >= _GIGABYTE else f"{size / _MEGABYTE:.0f} MB"
