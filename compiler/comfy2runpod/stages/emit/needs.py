"""What an endpoint needs of RunPod: disk, time to start. Each is computed once, for every file that says it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from comfy2runpod.ir.interface import Interface, Model
from comfy2runpod.worker_settings import worker_settings

_GIGABYTE = 10**9
# RunPod marks a worker unhealthy that has not reported this long after its start, unless RUNPOD_INIT_TIMEOUT is set
# (docs.runpod.io, serverless/development/optimization).
RUNPOD_START_SECONDS = 420
LONGEST_START_SECONDS = 86_400
# What a download to a network volume may be relied on for, by every worker that starts. Hubs and volumes give several
# times that on a good day.
SUSTAINED_MEGABYTES_PER_SECOND = 50
# For a slower day, and for the sha256 of every file.
_MARGIN = 1.5
# What a file counts for while nobody knows its size.
UNKNOWN_MODEL_BYTES = 10 * _GIGABYTE


def fetched(models: Iterable[Model]) -> list[Model]:
    """The models that a worker downloads."""
    return [model for model in models if model.url]


def model_bytes(model: Model) -> int | None:
    """A model file's size in bytes: the lock's, else about what the author wrote; None if nobody knows."""
    return model.size or model.approximate_size


def container_disk_gb(interface: Interface) -> int:
    """GB of a worker's own disk: the note's, and room for every model, because without a volume they land there."""
    models = sum(model_bytes(model) or 0 for model in interface.models)
    return interface.runpod.container_disk_gb + math.ceil(models / _GIGABYTE)


def start_seconds(interface: Interface) -> int:
    """What RUNPOD_INIT_TIMEOUT has to be, in seconds: the first start on an empty volume downloads every model."""
    sizes = [model_bytes(model) for model in fetched(interface.models)]
    known = sum(size for size in sizes if size is not None)
    return init_timeout_seconds(known + sizes.count(None) * UNKNOWN_MODEL_BYTES)


def init_timeout_seconds(size: int) -> int:
    """How long a worker may take to start that has `size` bytes to download, in seconds, in whole minutes.

    Never less than RunPod itself allows, and a day at most.
    """
    download = size * _MARGIN / (SUSTAINED_MEGABYTES_PER_SECOND * 10**6)
    comfyui = float(worker_settings()["COMFYUI_START_TIMEOUT_SECONDS"].default)
    whole = math.ceil((download + comfyui) / 60) * 60
    return min(max(whole, RUNPOD_START_SECONDS), LONGEST_START_SECONDS)
