"""Diagnostics -> the line and column of each in its file, where that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from comfy2runpod.diagnostics import Diagnostic, Locus, Related
from comfy2runpod.json_spans import find_spans, line_and_column, steps_of


@dataclass(frozen=True, slots=True)
class PlacedRelated:
    """A further place of a diagnostic, and its line and column, or None."""

    related: Related
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A diagnostic, and the line and column (from 1, in code points) of its place, or None."""

    diagnostic: Diagnostic
    line: int | None = None
    column: int | None = None
    related: tuple[PlacedRelated, ...] = ()


def place(diagnostics: Iterable[Diagnostic], sources: Mapping[str, bytes]) -> tuple[Placed, ...]:
    """Finds the line and column of each diagnostic by its JSON path.

    Args:
        diagnostics: what was found.
        sources: the bytes of each file, by the name that the diagnostics give it.
    """
    found = tuple(diagnostics)
    paths: dict[str, set[str]] = {}
    for item in found:
        wanted = [further.at for further in item.related]
        if item.position is None:
            wanted.append(item.at)
        for at in wanted:
            if at.json_path is not None and at.file in sources:
                paths.setdefault(at.file, set()).add(at.json_path)
    known = {
        (file, path): position
        for file, json_paths in paths.items()
        for path, position in _positions(sources[file], json_paths).items()
    }

    def position_of(at: Locus) -> tuple[int, int] | tuple[None, None]:
        return known.get((at.file, at.json_path or ""), (None, None))

    placed = []
    for item in found:
        line, column = item.position or position_of(item.at)
        related = tuple(PlacedRelated(further, *position_of(further.at)) for further in item.related)
        placed.append(Placed(item, line, column, related))
    return tuple(placed)


def _positions(data: bytes, paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return {}
    steps = {path: parsed for path in paths if (parsed := steps_of(path)) is not None}
    spans = find_spans(text, steps.values())
    return {path: line_and_column(text, spans[at].start) for path, at in steps.items() if at in spans}
