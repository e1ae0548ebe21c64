"""Catalogs of node packs and facts about them, laid over the core's.

A layer adds classes of packs, and facts about them. ComfyUI's own classes stay as the shipped catalog has them: the
image that a package is built into holds that very version, and a layer may have been made by another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.entries import MOST_CLASSES, check_class
from comfy2runpod.catalog.facts.kinds import Saves
from comfy2runpod.catalog.facts.reader import FactsFile, read_facts
from comfy2runpod.catalog.facts.values import BadFactsError, quoted
from comfy2runpod.diagnostics import CompileError, Locus, shorten
from comfy2runpod.errors.catalog import BadCatalog, BadNodeFacts
from comfy2runpod.strict_json import strict_json
from comfy2runpod_contract.json_types import Json, JsonObject

_CORE_MODULES = frozenset({"nodes", "comfy_extras", "comfy_api_nodes"})
PACKS_MODULE = "custom_nodes"


@dataclass(frozen=True, slots=True)
class Layer:
    """A catalog file: where it stands, the ComfyUI that it was made from if it tells, its classes, and its facts."""

    file: str
    comfyui: str | None
    classes: Mapping[str, JsonObject]
    facts: FactsFile | None = None


def read_layer(data: bytes, file: str) -> Layer:
    """A catalog file's bytes: `classes`, `facts` or both, each of them checked.

    Raises:
        CompileError: it is not a catalog, or a fact in it is none.
    """
    try:
        raw = strict_json(data.decode("utf-8-sig"))
    except ValueError as error:
        raise _bad(file, f"it is not JSON ({error})") from None
    facts = _facts(raw, file) if isinstance(raw, dict) and "facts" in raw else None
    classes = raw.get("classes", None if facts is None else {}) if isinstance(raw, dict) else None
    if not isinstance(classes, dict):
        raise _bad(file, "it has neither `classes` nor `facts`" + _looks_like(raw))
    if len(classes) > MOST_CLASSES:
        raise _bad(file, f"it has {len(classes):,} classes; {MOST_CLASSES:,} are read at most")
    version = raw.get("comfyui") if isinstance(raw, dict) else None
    checked: dict[str, JsonObject] = {}
    probe = Catalog(comfyui="", commit="", editor="", classes=checked)
    for name, entry in classes.items():
        try:
            checked[name] = check_class(name, entry)
            probe.get(name)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _bad(file, f"the class {shorten(name)} is malformed ({_why(error)})") from None
    return Layer(file, version if isinstance(version, str) else None, checked, facts)


def with_layers(core: Catalog, layers: Iterable[Layer]) -> Catalog:
    """The core's catalog with the packs' classes and facts of each layer over it, in order.

    Raises:
        CompileError: facts are about what is ComfyUI's own, or about inputs that a class does not have.
    """
    catalog = core
    given = tuple(layers)
    for layer in given:
        catalog = catalog.layered(
            {name: entry for name, entry in layer.classes.items() if is_of_a_pack(name, entry, core)}
        )
        if layer.facts is not None:
            try:
                catalog = catalog.with_facts(layer.facts)
            except BadFactsError as error:
                raise _bad_facts(layer.file, error) from None
    # A fact may stand in a file before the one with its class.
    for layer in given:
        if layer.facts is not None:
            try:
                _check_prefixes(layer.facts, catalog)
            except BadFactsError as error:
                raise _bad_facts(layer.file, error) from None
    return catalog


def _check_prefixes(facts: FactsFile, catalog: Catalog) -> None:
    """That the worker can write a text into each input that a fact calls a prefix of file names.

    Raises:
        BadFactsError: an input is none of the class, or takes something else.
    """
    for row in facts.rows:
        prefix = row.fact.prefix_input if isinstance(row.fact, Saves) else None
        if prefix is None:
            continue
        selected = filter(row.selects, catalog.added) if row.beginning or row.containing else ()
        for name in dict.fromkeys((*row.classes, *sorted(selected))):
            known = catalog.get(name)
            # Another release's row, or one that a later row of the class replaces, is of no effect.
            if known is None or known.facts.saves is not row.fact:
                continue
            spec = known.by_name.get(prefix)
            if spec is None or spec.type != "STRING" or not spec.is_widget:
                texts = ", ".join(one.name for one in known.inputs if one.type == "STRING" and one.is_widget)
                is_what = "which it does not have" if spec is None else f"which takes {quoted(spec.type)}"
                wanted = f"expected a text widget of the class ({texts})" if texts else "omit it: it has no text widget"
                at = f"fact {row.number}: prefix_input of {shorten(name)}"
                raise BadFactsError(f"{at} is {quoted(prefix)}, {is_what}; {shorten(wanted, 200)}")


def pack_folder(entry: JsonObject) -> str | None:
    """The folder under custom_nodes that a class comes from; None for ComfyUI's own."""
    top, _, rest = str(entry.get("module") or "").partition(".")
    return rest if top == PACKS_MODULE and rest else None


def is_of_a_pack(name: str, entry: JsonObject, core: Catalog) -> bool:
    """Whether a class is not ComfyUI's own. A class that was written by hand may name no module."""
    module = str(entry.get("module") or "")
    known = core.raw(name)
    if known is not None and known.get("module") == module:
        return False
    return module.partition(".")[0] not in _CORE_MODULES


def _facts(raw: JsonObject, file: str) -> FactsFile:
    try:
        return read_facts(raw)
    except BadFactsError as error:
        raise _bad_facts(file, error) from None


def _looks_like(raw: Json) -> str:
    first = next(iter(raw.values()), None) if isinstance(raw, dict) else None
    if isinstance(first, dict) and "input" in first:
        return "; it is a server's /object_info: make a catalog of it with `comfy2runpod catalog refresh --from`"
    return ""


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def _bad(file: str, problem: str) -> CompileError:
    return CompileError([BadCatalog(at=Locus(file), problem=problem)])


def _bad_facts(file: str, error: BadFactsError) -> CompileError:
    return CompileError([BadNodeFacts(at=Locus(file), problem=str(error))])
