"""All facts that hold, looked up by a class's name: the shipped ones, and over them those of files beside a graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from importlib import resources
from typing import TypeVar

from comfy2runpod.catalog.facts.kinds import (
    ABSENT_TYPE,
    NOTHING_KNOWN,
    ClassFacts,
    DecidedByExtension,
    DrawnValue,
    ExtraWidgets,
    ImageLack,
    MaskSource,
    NoControl,
    OwnCheck,
    OwnChoices,
    RenamedInput,
    SavedType,
    Saves,
    SavesNothing,
    Scale,
    SplitsBatch,
    Successor,
    UploadButton,
    ValueNode,
    ValuesByName,
    Virtual,
    VirtualNode,
    WidgetText,
    WidgetType,
)
from comfy2runpod.catalog.facts.reader import FactsFile, Row, read_facts
from comfy2runpod.catalog.facts.sizes import Sizes
from comfy2runpod.catalog.facts.values import BadFactsError
from comfy2runpod.strict_json import strict_json

# ComfyUI itself, as the registry of node packs calls it.
CORE = "comfy-core"

F = TypeVar("F")


class NodeFacts:
    """The facts of several files, those of later ones over those of earlier ones.

    Args:
        shipped: the files that come with the compiler, ComfyUI's own first.
        comfyui: the release of ComfyUI whose facts are asked for; "" where that is not known.
        beside: the files of packs that are beside a graph.
    """

    def __init__(self, shipped: Iterable[FactsFile], comfyui: str, beside: tuple[FactsFile, ...] = ()) -> None:
        self._shipped = tuple(shipped)
        self._beside = beside
        self._comfyui = comfyui
        self._made: dict[str, ClassFacts] = {}

    def of(self, class_type: str) -> ClassFacts:
        """What is known of a class."""
        known = self._made.get(class_type)
        if known is None:
            known = self._made[class_type] = self._make(class_type)
        return known

    def rows_of(self, class_type: str) -> tuple[Row, ...]:
        """The rows that hold of a class: those that name a part of its name, then those that name the class."""
        return (*(row for row in self._by_part if row.selects(class_type)), *self._exact.get(class_type, ()))

    def widget_type(self, name: str) -> WidgetType | None:
        """What is known of a type of widget; None if inputs of that type are no widgets."""
        return self._widget_types.get(name)

    def saved_type(self, name: str) -> SavedType | None:
        """What an output node makes of a link of that type; None if that is no file."""
        return self._saved_types.get(name)

    @cached_property
    def upload_buttons(self) -> frozenset[str]:
        """The kinds of upload for which the editor adds a button."""
        return frozenset(name for row in self._rows if isinstance(row.fact, UploadButton) for name in row.types)

    @cached_property
    def save_classes(self) -> tuple[str, ...]:
        """The classes that are told to save something, in the files' order."""
        return tuple(dict.fromkeys(self._named(Saves)))

    @cached_property
    def virtual_names(self) -> frozenset[str]:
        """The nodes of the editor alone."""
        return frozenset(self._named(VirtualNode))

    def with_file(self, file: FactsFile, core: Iterable[str]) -> NodeFacts:
        """These facts with a pack's over them.

        Args:
            file: the pack's facts.
            core: the names of ComfyUI's own classes, of which no pack can say anything.

        Raises:
            BadFactsError: a row is about what is ComfyUI's own.
        """
        own = [row for shipped in self._shipped if shipped.pack == CORE for row in shipped.rows]
        own_types = {name for row in own for name in row.types}
        own_classes = {*core, *(name for row in own for name in row.classes)}
        for row in file.rows:
            taken = own_types.intersection(row.types) | own_classes.intersection(row.classes)
            by_part = row.beginning or row.containing
            taken = taken or (set(filter(row.selects, own_classes)) if by_part else set())
            if taken:
                raise BadFactsError(f"fact {row.number} is of {min(taken)}, which is ComfyUI's own")
        told = replace(file, rows=tuple(map(_told_beside, file.rows)))
        return NodeFacts(self._shipped, self._comfyui, (*self._beside, told))

    def beside(self, class_types: Collection[str]) -> tuple[FactsFile, ...]:
        """The files beside a graph, each with those rows alone that hold and are of these classes, or of a type."""
        found = (replace(file, rows=tuple(self._rows_about(file, class_types))) for file in self._beside)
        return tuple(file for file in found if file.rows)

    def _rows_about(self, file: FactsFile, class_types: Collection[str]) -> Iterator[Row]:
        for row in self._holding(file):
            named = tuple(name for name in row.classes if name in class_types)
            selected = any(map(row.selects, class_types)) if row.beginning or row.containing else False
            if named or selected or row.types:
                yield replace(row, classes=named)

    def _named(self, kind: type[object]) -> Iterator[str]:
        return (name for row in self._rows if isinstance(row.fact, kind) for name in row.classes)

    @cached_property
    def _rows(self) -> tuple[Row, ...]:
        """The rows that hold for what they are about."""
        return tuple(row for file in (*self._shipped, *self._beside) for row in self._holding(file))

    def _holding(self, file: FactsFile) -> Iterator[Row]:
        version = self._comfyui if file.pack == CORE else file.version
        return (row for row in file.rows if row.releases.hold(version))

    @cached_property
    def _widget_types(self) -> Mapping[str, WidgetType]:
        return {name: row.fact for row in self._rows if isinstance(row.fact, WidgetType) for name in row.types}

    @cached_property
    def _saved_types(self) -> Mapping[str, SavedType]:
        return {name: row.fact for row in self._rows if isinstance(row.fact, SavedType) for name in row.types}

    @cached_property
    def _exact(self) -> Mapping[str, tuple[Row, ...]]:
        found: dict[str, list[Row]] = {}
        for row in self._rows:
            for name in row.classes:
                found.setdefault(name, []).append(row)
        return {name: tuple(rows) for name, rows in found.items()}

    @cached_property
    def _by_part(self) -> tuple[Row, ...]:
        return tuple(row for row in self._rows if row.beginning or row.containing)

    def _make(self, class_type: str) -> ClassFacts:
        if class_type == ABSENT_TYPE:
            return replace(NOTHING_KNOWN, virtual=Virtual.ABSENT)
        # What names the class counts more than what names a part of its name.
        facts = [row.fact for row in self.rows_of(class_type)]
        if not facts:
            return NOTHING_KNOWN
        value_node, virtual, splits = _last(facts, ValueNode), _last(facts, VirtualNode), _last(facts, SplitsBatch)
        return ClassFacts(
            saves=_last(facts, Saves),
            saves_nothing=_last(facts, SavesNothing) is not None,
            value_input=None if value_node is None else value_node.input,
            scale=_last(facts, Scale),
            mask_source=_last(facts, MaskSource),
            image_lack=_last(facts, ImageLack),
            virtual=None if virtual is None else virtual.role,
            followed_in_groups=virtual is not None and virtual.followed_in_groups,
            extra_widgets=tuple(_all(facts, ExtraWidgets)),
            own_choices=_last(facts, OwnChoices),
            widget_texts=frozenset(fact.input for fact in _all(facts, WidgetText)),
            renamed_inputs={fact.old: fact.new for fact in _all(facts, RenamedInput)},
            extension=_last(facts, DecidedByExtension),
            drawn_value=_last(facts, DrawnValue),
            has_control=_last(facts, NoControl) is None,
            values_by_name=_last(facts, ValuesByName),
            successor=_last(facts, Successor),
            splits_batch=None if splits is None else splits.input,
            own_check=_last(facts, OwnCheck),
            sizes=_last(facts, Sizes),
        )


def _told_beside(row: Row) -> Row:
    """A row of a file beside a graph: what it puts into the image is not ours."""
    return replace(row, fact=replace(row.fact, beside=True)) if isinstance(row.fact, ImageLack) else row


@lru_cache(maxsize=4)
def shipped_facts(comfyui: str) -> NodeFacts:
    """The facts that are shipped, for a release of ComfyUI."""
    return NodeFacts(shipped_files(), comfyui)


@lru_cache(maxsize=1)
def shipped_files() -> tuple[FactsFile, ...]:
    """The shipped files, ComfyUI's own first."""
    folder = resources.files("comfy2runpod").joinpath("catalog/data/facts")
    entries = sorted(folder.iterdir(), key=lambda entry: (entry.name != f"{CORE}.json", entry.name))
    return tuple(_parsed(entry.name, entry.read_text("utf-8")) for entry in entries)


def _parsed(name: str, text: str) -> FactsFile:
    raw = strict_json(text)
    if not isinstance(raw, dict):
        raise BadFactsError(f"{name} is no object")
    return read_facts(raw)


def _all(facts: Iterable[object], kind: type[F]) -> Iterator[F]:
    return (fact for fact in facts if isinstance(fact, kind))


def _last(facts: Iterable[object], kind: type[F]) -> F | None:
    found = None
    for found in _all(facts, kind):  # noqa: B007 - the last counts
        pass
    return found
