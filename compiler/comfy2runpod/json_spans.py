"""Where a value stands in a JSON text: one pass over the text for any number of paths, nothing parsed.

A diagnostic's place becomes a line and a column by it, and the note in a graph is changed in place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Step: TypeAlias = "str | int"
Steps: TypeAlias = tuple[Step, ...]

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]""")


@dataclass(frozen=True, slots=True)
class Span:
    """A value's place in a text: code points from `start` to before `end`."""

    start: int
    end: int


def steps_of(path: str) -> Steps | None:
    """`$.nodes[3].id` as keys and indices; None if it is not such a path."""
    if not path.startswith("$"):
        return None
    steps: list[Step] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        name, index, quoted = match.groups()
        steps.append(int(index) if index is not None else name if name is not None else _unescaped(quoted))
        at = match.end()
    return tuple(steps)


def path_of(steps: Steps) -> str:
    """Keys and indices as a JSON path; the reverse of steps_of."""
    return "$" + "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" if _PLAIN_KEY.fullmatch(step) else f"[{json.dumps(step)}]"
        for step in steps
    )


def tokens(text: str) -> Iterator[tuple[int, str]]:
    """The words of a JSON text with where each begins; in any other text, whatever looks like some."""
    return ((match.start(), match[0]) for match in _TOKEN.finditer(text))


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Both count from 1, columns in code points."""
    start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start + 1


@dataclass(slots=True)
class _Wanted:
    """A step on the way to wanted values; `found` is the span of the value there."""

    children: dict[Step, _Wanted] = field(default_factory=dict)
    wanted: bool = False
    found: Span | None = None

    def forget(self) -> None:
        self.found = None
        for child in self.children.values():
            child.forget()


@dataclass(slots=True)
class _Open:
    """An object or array that the scan is in."""

    start: int
    is_object: bool
    wanted: _Wanted | None
    index: int = 0
    key: str | None = None
    at_key: bool = True


def find_spans(text: str, paths: Iterable[Steps]) -> Mapping[Steps, Span]:
    """The spans of the values at these paths; what is not there is omitted.

    The text must be JSON. Of a key that stands twice in an object the last counts, as for every reader of JSON.
    """
    root = _Wanted()
    wanted = tuple(paths)
    for path in wanted:
        node = root
        for step in path:
            node = node.children.setdefault(step, _Wanted())
        node.wanted = True
    _scan(text, root)
    return {path: span for path in wanted if (span := _at(root, path)) is not None}


def _at(root: _Wanted, path: Steps) -> Span | None:
    node = root
    for step in path:
        node = node.children[step]
    return node.found


def _scan(text: str, root: _Wanted) -> None:
    stack: list[_Open] = []
    for match in _TOKEN.finditer(text):
        word = match[0]
        top = stack[-1] if stack else None
        if word in "}]":
            if top is None:
                return
            stack.pop()
            _found(top.wanted, top.start, match.end())
        elif word == ",":
            if top is not None:
                top.index += 1
                top.at_key = True
        elif word == ":":
            if top is not None:
                top.at_key = False
        elif top is not None and top.is_object and top.at_key:
            # Keys are read only where something below is wanted.
            top.key = _unescaped(word) if top.wanted is not None and top.wanted.children else None
        else:
            child = _child(top, root)
            if child is not None:
                child.forget()
            if word in "{[":
                stack.append(_Open(match.start(), word == "{", child))
            else:
                _found(child, match.start(), match.end())


def _child(top: _Open | None, root: _Wanted) -> _Wanted | None:
    if top is None:
        return root
    if top.wanted is None:
        return None
    step: Step | None = top.key if top.is_object else top.index
    return None if step is None else top.wanted.children.get(step)


def _found(wanted: _Wanted | None, start: int, end: int) -> None:
    if wanted is not None and wanted.wanted:
        wanted.found = Span(start, end)


def _unescaped(literal: str) -> str:
    """The text of a JSON string literal."""
    return str(json.loads(literal, strict=False)) if "\\" in literal else literal[1:-1]
