"""A node class as people read it, and as data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.node_class import UNKNOWN_FOLDER, InputSpec, NodeClass
from comfy2runpod.diagnostics import shorten, show
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.texts import one_line

_WORDS = {
    "hidden": "hidden",
    "force_input": "socket only",
    "raw_link": "takes the link itself",
    "lazy": "evaluated if needed",
    "multiline": "multiline",
    "multiselect": "several",
    "control_after_generate": "seed control",
    "dynamic_prompts": "dynamic prompts",
}


def class_json(name: str, raw: JsonObject, catalog: Catalog) -> JsonObject:
    """The class's catalog entry, with its name, where it comes from, and which facts are known of it."""
    facts: list[Json] = [
        {"fact": row.kind, "pack": row.pack, "versions": str(row.releases), "source": row.source}
        for row in catalog.facts.rows_of(name)
    ]
    return {"class": name, "source": _source(name, catalog), **raw, "facts": facts}


def class_text(node_class: NodeClass, catalog: Catalog) -> str:
    """The class with a line for each input and output."""
    marks = [
        word
        for word, holds in (
            ("output node", node_class.output_node),
            ("calls a paid service", node_class.api_node),
            ("deprecated", node_class.deprecated),
            ("takes lists", node_class.input_is_list),
        )
        if holds
    ]
    lines = [
        f"{node_class.name}  {node_class.title}".rstrip() if node_class.title != node_class.name else node_class.name
    ]
    lines.append(
        "  "
        + ", ".join([f"from {_source(node_class.name, catalog)}", f"module {node_class.module or 'unknown'}", *marks])
    )
    rows = list(_rows(node_class.inputs, ""))
    if rows:
        lines.append("inputs")
        lines += aligned(rows)
    if node_class.outputs:
        lines.append("outputs")
        lines += aligned([(out.name, out.type, "a list" if out.is_list else "") for out in node_class.outputs])
    facts = catalog.facts.rows_of(node_class.name)
    if facts:
        lines.append("facts")
        lines += aligned([(row.kind, f"{row.pack} {row.releases}", row.source) for row in facts])
    return "\n".join(lines) + "\n"


def aligned(rows: Iterable[tuple[str, ...]], limit: int = 40) -> list[str]:
    """Rows as lines, each cell on one, indented, columns as wide as their widest cell, up to `limit`."""
    table = [tuple(one_line(cell) for cell in row) for row in rows]
    count = max((len(row) for row in table), default=0)
    widths = [min(limit, max(len(row[i]) for row in table if i < len(row))) for i in range(count)]
    return [
        ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))).rstrip()
        for row in table
    ]


def _source(name: str, catalog: Catalog) -> str:
    return "a catalog that was given" if name in catalog.added else f"ComfyUI {catalog.comfyui}"


def _rows(specs: Iterable[InputSpec], prefix: str) -> Iterator[tuple[str, str, str]]:
    for spec in specs:
        path = prefix + spec.name
        yield path, spec.type, ", ".join(_facts(spec))
        for key, children in spec.options:
            yield from _rows(children, f"{path}={key}: {path}.")
        if spec.autogrow is not None:
            yield from _rows([spec.autogrow.element], f"{path}.")


def _facts(spec: InputSpec) -> Iterator[str]:
    yield "required" if spec.required else "optional"
    low, high = spec.minimum, spec.maximum
    if low is not None or high is not None:
        yield f"{'' if low is None else low} to {'' if high is None else high}".strip()
    if spec.step is not None:
        yield f"step {spec.step}"
    if spec.has_default:
        yield f"default {show(spec.default)}"
    if spec.folders:
        known = [folder for folder in spec.folders if folder != UNKNOWN_FOLDER]
        yield f"a file of {' or '.join(known) if known else 'a folder that is not known'} ({' '.join(spec.extensions)})"
    if spec.choices:
        yield "one of " + shorten(", ".join(str(choice) for choice in spec.choices), 200)
    if spec.options:
        yield "one of " + shorten(", ".join(str(key) for key, _ in spec.options), 200)
    if spec.upload is not None:
        yield f"{spec.upload} upload"
    if spec.autogrow is not None:
        yield f"{spec.autogrow.minimum} to {len(spec.autogrow.names)} of them"
    yield from (word for name, word in _WORDS.items() if getattr(spec, name))
