"""What the worker's environment variables are, as `scripts/settings_table.py` took it from the runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from comfy2runpod.stages.emit.environment import template_text

Kind: TypeAlias = Literal["text", "number", "boolean"]


@dataclass(frozen=True, slots=True)
class WorkerSetting:
    """One variable.

    Attributes:
        choices: the values that it takes; empty if they are not listed.
        secret: whether it may stand in no file.
        default: as it would be written; empty if unset means something of its own.
    """

    name: str
    kind: Kind
    choices: tuple[str, ...]
    secret: bool
    default: str
    description: str


@lru_cache(maxsize=1)
def worker_settings() -> Mapping[str, WorkerSetting]:
    """Every setting by name, in the order in which the runtime declares them."""
    rows = json.loads(template_text("worker-settings.json"))
    settings = (WorkerSetting(**{**row, "choices": tuple(row["choices"])}) for row in rows)
    return {setting.name: setting for setting in settings}
