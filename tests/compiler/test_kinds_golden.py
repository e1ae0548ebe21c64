"""What each kind of field and of output tells of itself, in one file: a method that is gone, or tells otherwise, shows.

`ACCEPT_GOLDENS=1` writes it anew.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tests.rendering.interfaces import several

GOLDEN = Path(__file__).with_name("kinds.golden.txt")
# Files, which are of the library that encodes them.
_OF_LIBRARIES = {"example", "call_example"}
_LONGEST = 200


def test_what_kinds_tell_is_unchanged() -> None:
    told = "".join(f"{line}\n" for line in _lines())
    if os.environ.get("ACCEPT_GOLDENS"):
        GOLDEN.write_text(told, encoding="utf-8")
    assert told == GOLDEN.read_text("utf-8")


def _lines() -> Iterator[str]:
    seen = set[str]()
    for part in (*several().fields, *several().outputs):
        kind = type(part)
        for name, method in inspect.getmembers(kind):
            if name.startswith("_") or name in _OF_LIBRARIES:
                continue
            value = getattr(part, name)
            if callable(value):
                if len(inspect.signature(value).parameters):
                    continue
                try:
                    value = value()
                except NotImplementedError:
                    continue
            if inspect.isdatadescriptor(method) and not isinstance(method, property):
                # A value of this field, and nothing of its kind.
                continue
            line = re.sub(r" at 0x[0-9a-f]+", "", f"{kind.__name__} {part.name}: {name} = {value!r}")
            line = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
            if line not in seen:
                seen.add(line)
                yield line
