"""An inspection as text and as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass

from comfy2runpod.author.inspection import InputEntry, Inspection
from comfy2runpod.catalog.text import aligned
from comfy2runpod.diagnostics import shorten, show
from comfy2runpod.stages.interface.packs import Pack
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.texts import one_line


def inspection_json(inspection: Inspection) -> JsonObject:
    """The inspection as data."""
    diagnostics: list[Json] = [diagnostic.to_json() for diagnostic in inspection.diagnostics]
    whole = {field.name: getattr(inspection, field.name) for field in fields(inspection)}
    return {name: diagnostics if name == "diagnostics" else _plain(value) for name, value in whole.items()}


def inspection_text(inspection: Inspection) -> str:
    """A section for each kind, a line for each entry, in columns."""
    editor = f", saved by editor {one_line(inspection.editor)}" if inspection.editor else ""
    free = [entry for entry in inspection.inputs if entry.linked_from is None]
    linked = [entry for entry in inspection.inputs if entry.linked_from is not None]
    outputs = [
        (out.path, f"{out.kind} ({out.media_type})", out.class_type, f"output {out.name}" if out.name else "")
        for out in inspection.outputs
    ]
    models = [
        (item.file, item.folder or "folder not known", _nodes(item.nodes), item.url or "nothing tells where from")
        for item in inspection.models
    ]
    packs = [(pack.id or "not told", ", ".join(pack.versions), _classes(pack)) for pack in inspection.packs]
    subgraphs = [
        (
            item.name or "without a name",
            _nodes(item.instances),
            f"{item.nodes} nodes",
            f"{_slots(item.inputs)} -> {_slots(item.outputs)}",
        )
        for item in inspection.subgraphs
    ]
    lines = [f"{inspection.file}{editor}"]
    lines += _section("inputs that a field can feed", [_free(entry) for entry in free])
    lines += _section(
        "inputs that take their value over a link",
        [(entry.path, entry.kind, f"from node {entry.linked_from}", entry.owner_title) for entry in linked],
    )
    lines += _section("outputs", outputs)
    lines += _section("models", models)
    lines += _section("node packs", packs)
    lines += _section("subgraphs", subgraphs)
    return "\n".join(lines) + "\n"


def _section(title: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    return ["", title, *aligned(rows, limit=60)] if rows else ["", f"{title}: none"]


def _free(entry: InputEntry) -> tuple[str, ...]:
    return (entry.path, entry.kind, _range(entry), _value(entry), "; ".join(_remarks(entry)))


def _range(entry: InputEntry) -> str:
    if entry.choices:
        return f"{len(entry.choices)} choices"
    if entry.minimum is None and entry.maximum is None:
        return ""
    low = "" if entry.minimum is None else f"{entry.minimum}"
    high = "" if entry.maximum is None else f"{entry.maximum}"
    step = f" step {entry.step}" if entry.step not in (None, 1) else ""
    return f"{low}..{high}{step}"


def _value(entry: InputEntry) -> str:
    return shorten(show(entry.value), 40) if entry.value_known else "not known"


def _remarks(entry: InputEntry) -> Iterator[str]:
    if entry.fields:
        yield f"field {', '.join(entry.fields)}"
    if entry.label is not None:
        yield f"shown as {entry.label}"
    yield entry.owner_title
    if entry.reaches:
        yield f"-> {', '.join(entry.reaches)}"
    if entry.problem is not None:
        yield f"not as it stands: {entry.problem}"


def _nodes(paths: Iterable[str]) -> str:
    there = ", ".join(paths)
    return f"node {there}" if there else "not used"


def _classes(pack: Pack) -> str:
    return f"{len(pack.classes)} classes" if pack.is_core else ", ".join(pack.classes)


def _slots(slots: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in slots) or "nothing"


def _plain(value: object) -> Json:
    """An entry, or what one holds, as data."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case tuple() | list():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            raise TypeError(f"an entry holds {value!r}, which is no data")
