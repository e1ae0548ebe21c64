"""What a package carries of the catalogs beside its graph, so that the simulator knows the nodes of its prompt too.

Each is a catalog file, as `layers.read_layer` reads it: one of the packs' classes, and one of each file's facts.
"""

from __future__ import annotations

from collections.abc import Iterable

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.facts.reader import FactsFile, Row
from comfy2runpod_contract.json_types import Json, JsonObject

# Beside a graph: catalogs of the node packs that the graphs in its folder use, laid over each other by name. In a
# package: what these say of the classes in its prompt.
CATALOG_FOLDER = "catalog"


def carried_catalogs(catalog: Catalog, class_types: Iterable[str]) -> dict[str, JsonObject]:
    """The part of the catalogs beside a graph that some classes depend on.

    Args:
        catalog: what the graph is compiled with.
        class_types: the classes in its prompt.

    Returns:
        Catalog files by name, in whose order they are laid over each other; none if the graph has ComfyUI's nodes
        alone.
    """
    used = dict.fromkeys(class_types)
    classes: JsonObject = {name: raw for name in sorted(used) if name in catalog.added and (raw := catalog.raw(name))}
    files = catalog.facts.beside(used)
    # Rows about types say something of what the packs' classes take.
    if not classes and not any(row.classes or row.beginning or row.containing for file in files for row in file.rows):
        return {}
    found: dict[str, JsonObject] = {"classes.json": {"comfyui": catalog.comfyui, "classes": classes}}
    return found | {f"facts-{number:04}.json": _facts(file) for number, file in enumerate(files, 1)}


def _facts(file: FactsFile) -> JsonObject:
    version: JsonObject = {} if file.version is None else {"version": file.version}
    return {"pack": file.pack, **version, "facts": [_row(row) for row in file.rows]}


def _row(row: Row) -> Json:
    """The row as its file has it, of the classes alone that are used."""
    stated = {key: value for key, value in row.stated.items() if key != "classes"}
    return {**stated, **({"classes": [*row.classes]} if row.classes else {})}
