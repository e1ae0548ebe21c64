"""Diagnostics -> the line and column of each in its file, where that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from comfy2runpod.diagnostics import Diagnostic
from comfy2runpod.json_spans import find_spans, line_and_column, steps_of


@dataclass(frozen=True, slots=True)
class Placed:
    """A diagnostic, and the line and column (from 1, in code points) of what it speaks of, or None."""

    diagnostic: Diagnostic
    line: int | None = None
    column: int | None = None


def place(diagnostics: Iterable[Diagnostic], sources: Mapping[str, bytes]) -> tuple[Placed, ...]:
    """Looks up each diagnostic's JSON path in its file.

    Args:
        diagnostics: what was found.
        sources: the bytes of each file, by the name that the diagnostics give it.
    """
    found = tuple(diagnostics)
    paths: dict[str, set[str]] = {}
    for item in found:
        if item.position is None and item.at.json_path is not None and item.at.file in sources:
            paths.setdefault(item.at.file, set()).add(item.at.json_path)
    known = {
        (file, path): position
        for file, wanted in paths.items()
        for path, position in _positions(sources[file], wanted).items()
    }
    placed = []
    for item in found:
        position = item.position or known.get((item.at.file, item.at.json_path or ""))
        placed.append(Placed(item) if position is None else Placed(item, *position))
    return tuple(placed)


def _positions(data: bytes, paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return {}
    steps = {path: parsed for path in paths if (parsed := steps_of(path)) is not None}
    spans = find_spans(text, steps.values())
    return {path: line_and_column(text, spans[at].start) for path, at in steps.items() if at in spans}
