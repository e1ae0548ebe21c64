"""Writes the note's text into a saved graph and leaves every other byte of the file as it is.

Nothing is serialized again: the place is found in the text and cut there. A graph without a note gets one, indented as
the file is, left of everything on the canvas, under the next free id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.annotate import CannotChangeNote, NothingToAnnotate
from comfy2runpod.ir.document import Document, numeric_id
from comfy2runpod.json_parts import object_of
from comfy2runpod.json_spans import Span, Steps, find_spans, steps_of
from comfy2runpod.json_text import glimpse
from comfy2runpod.stages.annotate.annotation import TITLE, find_notes
from comfy2runpod.stages.annotate.note_yaml import yaml_span
from comfy2runpod_contract.json_types import Json, JsonObject, json_type

_WIDTH, _LINE, _GAP = 480, 20, 40
_LAST_ID: tuple[Steps, ...] = (("last_node_id",), ("state", "lastNodeId"))


@dataclass(frozen=True, slots=True)
class NoteText:
    """A note's text, and which part of it is YAML. `node_id` is None for a graph that has no note yet."""

    text: str
    start: int
    end: int
    node_id: str | None

    @property
    def yaml(self) -> str:
        """The part that is YAML."""
        return self.text[self.start : self.end]

    def with_yaml(self, yaml: str) -> str:
        """The whole text with the YAML replaced."""
        return self.text[: self.start] + yaml + self.text[self.end :]


def note_of(document: Document) -> NoteText:
    """The text of the document's note; of several the first (reading the annotation refuses them).

    Raises:
        CompileError: the note holds something else than a text, which would be lost.
    """
    notes = find_notes(document)
    if not notes:
        empty = "```yaml\n```\n"
        start, end = yaml_span(empty)
        return NoteText(empty, start, end, None)
    note = notes[0]
    text: Json = ""
    match note.widgets_values:
        case (first, *_) if first is not None:
            text = first
        case dict() as named if named:
            text = named
    if not isinstance(text, str):
        at = Locus(document.file, note.id, TITLE, note.type, json_path=note.json_path)
        place = "widgets_values[0]" if isinstance(note.widgets_values, tuple) else "widgets_values"
        problem = f"its {place} is the {json_type(text)} {glimpse(text)[:60]} where ComfyUI saves a note's text"
        raise CompileError([CannotChangeNote(at=at, problem=problem)])
    start, end = yaml_span(text)
    return NoteText(text, start, end, note.id)


def with_note(data: bytes, document: Document, text: str) -> bytes:
    """The graph's bytes with a note of that text.

    Args:
        data: the file.
        document: what was read from it.
        text: the note's whole text.

    Raises:
        CompileError: the graph has no nodes.
    """
    source = data.decode("utf-8")
    raw = object_of("the graph", json.loads(source.removeprefix("\ufeff")))
    nodes = raw.get("nodes")
    if not isinstance(nodes, list) or not nodes:
        raise CompileError([NothingToAnnotate(at=Locus(document.file))])
    notes = find_notes(document)
    edited = _replaced(source, notes[0].json_path, text) if notes else _inserted(source, raw, nodes, text)
    return edited.encode("utf-8")


def _replaced(source: str, json_path: str, text: str) -> str:
    """The source with the first widget value of a node replaced."""
    node = steps_of(json_path) or ()
    value, values = (*node, "widgets_values", 0), (*node, "widgets_values")
    spans = find_spans(source, [node, value, values])
    if value in spans:
        return _cut(source, [(spans[value], _literal(text, source))])
    if values in spans:
        return _cut(source, [(spans[values], f"[{_literal(text, source)}]")])
    # After the node's last member.
    end = len(source[: spans[node].end - 1].rstrip())
    return _cut(source, [(Span(end, end), f', "widgets_values": [{_literal(text, source)}]')])


def _inserted(source: str, raw: JsonObject, nodes: list[Json], text: str) -> str:
    """The source with a new note as its last node, and the last id increased."""
    last = len(nodes) - 1
    around = find_spans(source, [("nodes",), ("nodes", 0), ("nodes", max(0, last - 1)), ("nodes", last), *_LAST_ID])
    note_id = 1 + max(_ids(raw), default=0)
    style = _style(source, around[("nodes",)], around[("nodes", 0)])
    separator = ","
    if last:
        separator = source[around[("nodes", last - 1)].end : around[("nodes", last)].start]
    else:
        separator += style.line
    end = around[("nodes", last)].end
    note = style.render(_note(note_id, text, nodes, raw.get("groups")), ascii_only=source.isascii())
    changes = [(Span(end, end), separator + note)]
    changes += [(around[path], str(note_id)) for path in _LAST_ID if path in around and _is_whole(raw, path)]
    return _cut(source, changes)


def _is_whole(raw: JsonObject, path: Steps) -> bool:
    value: Json = raw
    for step in path:
        value = value.get(str(step)) if isinstance(value, dict) else None
    return isinstance(value, int) and not isinstance(value, bool)


def _ids(raw: JsonObject) -> Iterator[int]:
    """Every node id of the root and of all definitions, and their last assigned ids."""
    definitions = raw.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    canvases = [
        raw,
        *(entry for entry in (subgraphs if isinstance(subgraphs, list) else []) if isinstance(entry, dict)),
    ]
    for canvas in canvases:
        state = canvas.get("state")
        nodes = canvas.get("nodes")
        found = [canvas.get("last_node_id"), state.get("lastNodeId") if isinstance(state, dict) else None]
        found += [node.get("id") for node in (nodes if isinstance(nodes, list) else []) if isinstance(node, dict)]
        for value in found:
            if isinstance(value, int) and not isinstance(value, bool):
                yield value
            elif isinstance(value, str) and (number := numeric_id(value)) is not None:
                yield number


def _note(note_id: int, text: str, nodes: list[Json], groups: Json) -> JsonObject:
    """A MarkdownNote as the editor saves one, left of everything on the canvas."""
    boxes = [box for node in nodes if (box := _corner(node)) is not None]
    for group in groups if isinstance(groups, list) else []:
        bounding = group.get("bounding") if isinstance(group, dict) else None
        if (box := _corner({"pos": bounding})) is not None:
            boxes.append(box)
    left = min((x for x, _ in boxes), default=0)
    top = min((y for _, y in boxes), default=0)
    height = max(200, 100 + _LINE * text.count("\n"))
    return {
        "id": note_id,
        "type": "MarkdownNote",
        "pos": [left - _GAP - _WIDTH, top],
        "size": [_WIDTH, height],
        "flags": {},
        "order": len(nodes),
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "title": TITLE,
        "properties": {},
        "widgets_values": [text],
        "color": "#432",
        "bgcolor": "#653",
    }


def _corner(node: Json) -> tuple[int, int] | None:
    """A node's upper left corner, which files store as a list, and old ones as an object."""
    pos = node.get("pos") if isinstance(node, dict) else None
    values = [pos.get("0"), pos.get("1")] if isinstance(pos, dict) else pos[:2] if isinstance(pos, list) else []
    match values:
        case [int() | float() as x, int() | float() as y]:
            return round(x), round(y)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class _Style:
    """How a file is written: the line break and indentation before a node, a level's indentation, and its marks.

    `unit` is None where a node stands on one line.
    """

    line: str
    unit: str | None
    colon: str
    comma: str

    def render(self, value: JsonObject, *, ascii_only: bool) -> str:
        """A value in the formatting of the file."""
        separators = (self.comma if self.unit is None else ",", self.colon)
        text = json.dumps(value, indent=self.unit, separators=separators, ensure_ascii=ascii_only)
        return text if self.unit is None else text.replace("\n", self.line)


def _style(source: str, array: Span, first: Span) -> _Style:
    before = source[array.start + 1 : first.start]
    node = source[first.start : first.end]
    colon = re.search(r'"([ \t]*:[ \t]*)', node)
    comma = re.search(r"(,[ \t]*)\S", node)
    inner = re.match(r"\{[ \t]*\r?\n([ \t]*)", node)
    indent = before.rpartition("\n")[2]
    unit = None
    if inner is not None and "\n" in before:
        unit = inner[1].removeprefix(indent) or "  "
    return _Style(
        line=("\r\n" if "\r\n" in before else "\n" if "\n" in before else "") + indent,
        unit=unit,
        colon=colon[1] if colon else ": ",
        comma=comma[1] if comma else ", ",
    )


def _literal(text: str, source: str) -> str:
    return json.dumps(text, ensure_ascii=source.isascii() or _has_surrogates(text))


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _cut(source: str, changes: list[tuple[Span, str]]) -> str:
    for span, text in sorted(changes, key=lambda change: change[0].start, reverse=True):
        source = source[: span.start] + text + source[span.end :]
    return source
