"""What the worker's environment variables are, as `scripts/settings_table.py` took it from the runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["text", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class WorkerSetting:
    """One variable.

    Attributes:
        choices: the values that it takes; empty if they are not listed.
        secret: whether it may stand in no file.
        by_graph: whether a graph's note may set it; else it is for who deploys the endpoint.
        whole: whether a number has to be a whole one.
        least: the smallest number, `above` the one that it has to be above, `most` the largest; None where there is no
            such bound.
        default: as it would be written; empty if unset means something of its own.
    """

    name: str
    kind: Kind
    choices: tuple[str, ...]
    secret: bool
    by_graph: bool
    whole: bool
    least: float | None
    above: float | None
    most: float | None
    default: str
    description: str


# A path as well, for which a list of choices has no room, and which is not for a graph to name.
PLAIN_CHOICES: Mapping[str, tuple[str, ...]] = {"WARMUP": ("off", "on")}


@lru_cache(maxsize=1)
def worker_settings() -> Mapping[str, WorkerSetting]:
    """Every setting by name, in the order in which the runtime declares them."""
    rows = json.loads(resources.files("comfy2runpod").joinpath("templates", "worker-settings.json").read_text("utf-8"))
    settings = (WorkerSetting(**{**row, "choices": tuple(row["choices"])}) for row in rows)
    return {setting.name: setting for setting in settings}
