"""The YAML of a note, read in one pass over its events: bounded in length, depth and what aliases multiply to.

Every scalar is a text: `92:4` would otherwise be a number in base sixty, and `no` false.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from comfy2runpod.diagnostics import shorten

Yaml: TypeAlias = "str | list[Yaml] | dict[str, Yaml]"

# Notes have some kB.
MAX_LENGTH = 1_000_000
MAX_DEPTH = 30
# Values, aliases as often as they are used; a long text counts as several.
MAX_VALUES = 100_000
_COUNTED_LENGTH = 100
# The parser in Python says better what is wrong, the one in C is fast.
_SHORT = 20_000
_FENCE = re.compile(r"[ \t]*```[ \t]*[a-zA-Z]*\s*")
_CLOSING = re.compile(r"[ \t]*```\s*")


class NoteError(ValueError):
    """The text is no YAML that is taken: the line in it, from 1, and the problem."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


def yaml_span(text: str) -> tuple[int, int]:
    """Which part of a note's text is YAML: the first fenced block, or all of it."""
    start, position = None, 0
    for line in text.split("\n"):
        end = position + len(line)
        if start is None:
            if _FENCE.fullmatch(line):
                start = end + 1
        elif _CLOSING.fullmatch(line):
            return start, position
        position = end + 1
    return 0, len(text)


def outside_block(text: str, keys: Container[str]) -> tuple[int, str | None] | None:
    """What looks like a part of the note outside its block: its line, from 1, and the key, None for a second block."""
    start, end = yaml_span(text)
    if (start, end) == (0, len(text)):
        return None
    position = 0
    for number, line in enumerate(text.split("\n"), 1):
        begin, position = position, position + len(line) + 1
        # The block's own two lines are beside it.
        if position < start or begin > end:
            if _FENCE.fullmatch(line):
                return number, None
            key, colon, _ = line.partition(":")
            if colon and key in keys:
                return number, key
    return None


def read_yaml(text: str) -> Yaml | None:
    """The value in a YAML text, None if there is none.

    Raises:
        NoteError: it is no YAML, of more than one document, has a key twice, or exceeds a bound.
    """
    if len(text) > MAX_LENGTH:
        raise NoteError(1, f"it has {len(text):,} characters; a note may have {MAX_LENGTH:,}")
    loader = yaml.BaseLoader if len(text) <= _SHORT else getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line + 1) if error.problem_mark else 1
        raise NoteError(line, error.problem or "it cannot be read") from None
    except yaml.YAMLError as error:
        raise NoteError(1, " ".join(str(error).split())) from None
    return builder.root


@dataclass(slots=True)
class _Open:
    """A list or a mapping that is being read, with the key that waits for its value, and what it counts so far."""

    value: list[Yaml] | dict[str, Yaml]
    anchor: str | None
    count: int = 1
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    """Makes values of events; deep values need no deep calls."""

    root: Yaml | None = None
    _open: list[_Open] = field(default_factory=list)
    _named: dict[str, tuple[Yaml, int]] = field(default_factory=dict)
    _documents: int = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise NoteError(line, "a second document begins here (---); one is expected")
            case yaml.ScalarEvent():
                count = 1 + len(event.value) // _COUNTED_LENGTH
                self._put(event.value, count, event.anchor, line)
            case yaml.AliasEvent():
                self._put(*self._meant(str(event.anchor), line), None, line)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                top = self._open[-1] if self._open else None
                if top is not None and isinstance(top.value, dict) and top.key is None:
                    raise NoteError(line, "a list or a mapping stands in a key's place")
                if len(self._open) == MAX_DEPTH:
                    raise NoteError(line, f"it is nested too deeply (more than {MAX_DEPTH} levels)")
                self._open.append(_Open([] if isinstance(event, yaml.SequenceStartEvent) else {}, event.anchor))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                done = self._open.pop()
                self._put(done.value, done.count, done.anchor, line)
            case _:
                # The beginning and the end of the text say nothing.
                return

    def _meant(self, anchor: str, line: int) -> tuple[Yaml, int]:
        found = self._named.get(anchor)
        if found is None:
            inside = any(opened.anchor == anchor for opened in self._open)
            why = "stands inside itself" if inside else "stands for nothing that is named before it"
            raise NoteError(line, f"*{shorten(anchor)} {why}")
        return found

    def _put(self, value: Yaml, count: int, anchor: str | None, line: int) -> None:
        if anchor is not None:
            self._named[anchor] = (value, count)
        if not self._open:
            self.root = value
            return
        top = self._open[-1]
        top.count += count
        if sum(opened.count for opened in self._open) > MAX_VALUES:
            raise NoteError(line, f"it holds more than {MAX_VALUES:,} values, those of aliases with each use")
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            if not isinstance(value, str):
                raise NoteError(line, "a list or a mapping stands in a key's place")
            if value in top.value:
                raise NoteError(line, f"the key {shorten(value)} stands twice")
            top.key = value
        else:
            top.value[top.key] = value
            top.key = None
