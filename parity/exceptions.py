"""The known exceptions, with their reasons: data beside the suite (`exceptions.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import TypeAlias

# The profile of the editor that reads the graph, and the graph's name.
Key: TypeAlias = tuple[str, str]


def load_exceptions() -> Mapping[Key, str]:
    """The reason of each exception.

    Raises:
        ValueError: an entry stands twice.
    """
    raw = tomllib.loads((resources.files("parity") / "exceptions.toml").read_text("utf-8"))
    reasons: dict[Key, str] = {}
    for entry in raw.get("exception", []):
        key = (entry["editor"], entry["name"])
        if key in reasons:
            raise ValueError(f"exceptions.toml: {' '.join(key)} stands twice: remove one")
        reasons[key] = entry["reason"]
    return reasons
