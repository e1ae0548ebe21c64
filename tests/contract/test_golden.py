"""All that the contract says, in one file: whoever changes a table sees in a diff what callers and workers will see.

`ACCEPT_GOLDENS=1` writes it anew.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path

import comfy2runpod_contract

GOLDEN = Path(__file__).with_name("contract.golden.txt")


def test_the_contract_is_unchanged() -> None:
    said = "".join(f"{line}\n" for line in _lines())
    if os.environ.get("ACCEPT_GOLDENS"):
        GOLDEN.write_text(said, encoding="utf-8")
    assert said == GOLDEN.read_text("utf-8")


def _lines() -> Iterator[str]:
    for found in pkgutil.iter_modules(comfy2runpod_contract.__path__):
        module = importlib.import_module(f"comfy2runpod_contract.{found.name}")
        for name, value in sorted(vars(module).items()):
            if re.fullmatch(r"_?[A-Z][A-Z0-9_]*", name):
                yield from _told(f"{found.name}.{name}", value)
            elif isinstance(value, type) and issubclass(value, Enum) and value.__module__ == module.__name__:
                yield from _told(f"{found.name}.{name}", {one.name: one.value for one in value})


def _told(name: str, value: object) -> Iterator[str]:
    """A line for a value, or for each part of a table."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _told(f"{name}[{key!r}]", one)
    elif isinstance(value, (set, frozenset)):
        yield from (f"{name} has {one}" for one in sorted(map(repr, value)))
    elif isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        # A function in a table is told without its address.
        yield from (re.sub(r" at 0x[0-9a-f]+", "", f"{name} has {one!r}") for one in value)
    elif isinstance(value, re.Pattern):
        yield f"{name} matches {value.pattern!r}, {int(value.flags)}"
    elif not isinstance(value, type) and not callable(value) and type(value).__module__ not in ("typing", "types"):
        yield f"{name} = {value!r}"
