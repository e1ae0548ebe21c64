"""A file of facts -> typed rows, each checked: the one reader of the shipped files and of those beside a graph.

A file beside a graph comes from whoever wrote it for a node pack. Every text is bounded and plain, every key known, and
every row says where it was read and for which releases it holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from comfy2runpod.catalog.facts import kinds
from comfy2runpod.catalog.facts.kinds import CheckKind, Fact, Virtual
from comfy2runpod.catalog.facts.releases import Releases
from comfy2runpod.editor import PROFILES
from comfy2runpod.ir.json import Json, JsonObject, json_type
from comfy2runpod_contract.media import MediaKind
from comfy2runpod_contract.texts import is_plain

MOST_ROWS = 5_000
_MOST_NAMES = 1_000
_LONGEST_NAME = 200
_LONGEST_TEXT = 500
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,60}")

EnumT = TypeVar("EnumT", bound=Enum)


class BadFactsError(ValueError):
    """What is wrong with a file of facts, and in which row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fact: of which classes or types it is, where it was read, and for which releases it holds.

    A class is named in `classes`, or its name begins with one of `beginning` or has one of `containing` in it.
    `types` are the types of widgets, or the kinds of upload, that a fact is of which is of no class. `number` counts
    the file's rows from 1.
    """

    number: int
    fact: Fact
    source: str
    releases: Releases
    classes: tuple[str, ...] = ()
    beginning: tuple[str, ...] = ()
    containing: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def selects(self, class_type: str) -> bool:
        """Whether a class is selected by a part of its name."""
        return class_type.startswith(self.beginning) or any(part in class_type for part in self.containing)


@dataclass(frozen=True, slots=True)
class FactsFile:
    """A file's rows; `pack` is what they are about, by its id in the registry, `version` its release if it is told."""

    pack: str
    version: str | None
    rows: tuple[Row, ...]


def read_facts(raw: Mapping[str, Json]) -> FactsFile:
    """A file's JSON -> its rows.

    Args:
        raw: an object with `pack`, maybe `version`, and `facts`.

    Raises:
        BadFactsError: what is wrong with it, and in which row.
    """
    head = _Object("the file", {key: value for key, value in raw.items() if key in ("pack", "version", "facts")})
    pack, version = head.name("pack"), head.optional_name("version")
    rows = head.list("facts", MOST_ROWS)
    return FactsFile(pack, version, tuple(_row(number, row, pack) for number, row in enumerate(rows, 1)))


def _row(number: int, raw: Json, pack: str) -> Row:
    if not isinstance(raw, dict):
        raise BadFactsError(f"fact {number} is {json_type(raw)}; expected an object")
    row = _Object(f"fact {number}", raw)
    kind = row.name("fact")
    read = _READERS.get(kind)
    if read is None:
        raise BadFactsError(f"fact {number}: {kind!r} is no kind of fact; known are {', '.join(_READERS)}")
    made = Row(
        number,
        read(row, pack),
        row.text("source"),
        _releases(row),
        classes=row.names("classes"),
        beginning=row.names("beginning"),
        containing=row.names("containing"),
        types=row.names("types"),
    )
    row.finish()
    of_types = isinstance(made.fact, (kinds.WidgetType, kinds.UploadButton, kinds.SavedType))
    if of_types != bool(made.types) or bool(made.classes or made.beginning or made.containing) == of_types:
        keys = "types" if of_types else "classes, beginning or containing"
        raise BadFactsError(f"fact {number}: {kind} is told of {keys}, and of nothing else")
    return made


def _releases(row: _Object) -> Releases:
    text = row.name("versions")
    try:
        return Releases.parse(text)
    except ValueError as error:
        raise BadFactsError(f"{row.at}: versions: {error}") from None


class _Object:
    """An object of a file, read key by key; what nobody asked for is a mistake."""

    def __init__(self, at: str, raw: JsonObject) -> None:
        self.at = at
        self._raw = raw
        self._read: set[str] = set()

    def finish(self) -> None:
        """Refuses what was not read."""
        unknown = [key for key in self._raw if key not in self._read]
        if unknown:
            raise BadFactsError(f"{self.at}: it has {_quoted(unknown[0])}, which nothing reads")

    def has(self, key: str) -> bool:
        return key in self._raw

    def name(self, key: str) -> str:
        """A name: one line, neither empty nor long."""
        return self._plain(key, self._get(key), _LONGEST_NAME)

    def optional_name(self, key: str) -> str | None:
        return self.name(key) if self.has(key) else None

    def text(self, key: str) -> str:
        """A sentence or a clause, on one line."""
        return self._plain(key, self._get(key), _LONGEST_TEXT)

    def names(self, key: str) -> tuple[str, ...]:
        """A list of names, empty if it is not there."""
        if not self.has(key):
            return ()
        found = tuple(self._plain(key, value, _LONGEST_NAME) for value in self.list(key, _MOST_NAMES))
        if not found:
            raise self._bad(key, "is empty")
        return found

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self._get(key) if self.has(key) else default
        if not isinstance(value, bool):
            raise self._bad(key, f"is {json_type(value)}; expected true or false")
        return value

    def number(self, key: str) -> float:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise self._bad(key, "is no number")
        return value

    def value(self, key: str) -> Json:
        """A plain value: a text, a number, true, false, null, or a list of such."""
        return self._value(key, self._get(key), lists=True)

    def values(self, key: str) -> tuple[Json, ...]:
        return tuple(self._value(key, value) for value in self.list(key, _MOST_NAMES))

    def by_name(self, key: str) -> Mapping[str, Json]:
        """An object of plain values."""
        if not self.has(key):
            return {}
        value = self._get(key)
        if not isinstance(value, dict) or len(value) > _MOST_NAMES:
            raise self._bad(key, f"is no object of {_MOST_NAMES:,} entries at most")
        return {self._plain(key, name, _LONGEST_NAME): self._value(key, inner) for name, inner in value.items()}

    def names_by_name(self, key: str) -> Mapping[str, str]:
        return {name: self._plain(key, value, _LONGEST_NAME) for name, value in self.by_name(key).items()}

    def one_of(self, key: str, choices: Iterable[EnumT]) -> EnumT:
        """A word that stands for one of the choices."""
        word, known = self.name(key), {str(choice.value): choice for choice in choices}
        if word not in known:
            raise self._bad(key, f"is {_quoted(word)}; expected one of {', '.join(known)}")
        return known[word]

    def media_type(self, key: str) -> str:
        word = self.name(key)
        if not _MEDIA_TYPE.fullmatch(word):
            raise self._bad(key, f"is {_quoted(word)}, which is no media type")
        return word

    def list(self, key: str, most: int) -> list[Json]:
        value = self._get(key)
        if not isinstance(value, list):
            raise self._bad(key, f"is {json_type(value)}; expected an array")
        if len(value) > most:
            raise self._bad(key, f"has {len(value):,} entries; {most:,} are read at most")
        return value

    def _get(self, key: str) -> Json:
        self._read.add(key)
        if key not in self._raw:
            raise BadFactsError(f"{self.at}: it has no `{key}`")
        return self._raw[key]

    def _plain(self, key: str, value: Json, longest: int) -> str:
        if not isinstance(value, str):
            raise self._bad(key, f"holds {json_type(value)}; expected a text")
        if not value.strip():
            raise self._bad(key, "holds an empty text")
        if len(value) > longest:
            raise self._bad(key, f"holds {len(value):,} characters; {longest} are read at most")
        if not is_plain(value):
            raise self._bad(key, "holds a control character, a line break or a mark that cannot be seen")
        return value

    def _value(self, key: str, value: Json, *, lists: bool = False) -> Json:
        if value is None or isinstance(value, (bool, int)):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if isinstance(value, str) and len(value) <= _LONGEST_TEXT and is_plain(value):
            return value
        if lists and isinstance(value, list) and len(value) <= _MOST_NAMES:
            return [self._value(key, inner) for inner in value]
        raise self._bad(key, "holds what is neither a short text nor a number, true, false or null")

    def _bad(self, key: str, problem: str) -> BadFactsError:
        return BadFactsError(f"{self.at}: {key} {problem}")


def _quoted(text: str) -> str:
    return ascii(text[:60])


def _saves(row: _Object, _pack: str) -> Fact:
    return kinds.Saves(
        kind=row.one_of("kind", MediaKind),
        media_type=row.media_type("media_type"),
        prefix_input=row.optional_name("prefix_input") or "filename_prefix",
        shown=row.flag("shown"),
    )


def _saved_type(row: _Object, _pack: str) -> Fact:
    return kinds.SavedType(
        kind=row.one_of("kind", MediaKind),
        media_type=row.media_type("media_type"),
        unless=frozenset(row.names("unless")),
        form_inputs=row.names("form_inputs"),
        forms=frozenset(row.names("forms")),
    )


def _scale(row: _Object, _pack: str) -> Fact:
    return kinds.Scale(row.name("size"), area=row.flag("area"), step=row.optional_name("step"))


def _image_lack(row: _Object, _pack: str) -> Fact:
    unless = row.optional_name("unless_input")
    values = row.values("unless_values") if unless is not None else ()
    return kinds.ImageLack(row.text("what"), row.text("instead"), unless, values)


def _virtual(row: _Object, _pack: str) -> Fact:
    role = row.one_of("role", (role for role in Virtual if role is not Virtual.ABSENT))
    return kinds.VirtualNode(role, followed_in_groups=row.flag("followed_in_groups"))


def _extra_widgets(row: _Object, _pack: str) -> Fact:
    after = row.name("after") if row.has("after") else ""
    return kinds.ExtraWidgets(after, row.names("names"), any_number=row.flag("any_number"))


def _decided_by_extension(row: _Object, pack: str) -> Fact:
    return kinds.DecidedByExtension(pack, row.text("does"), row.text("instead"), editor_only=row.flag("editor_only"))


def _own_check(row: _Object, _pack: str) -> Fact:
    check = row.one_of("check", CheckKind)
    inputs = row.names("inputs")
    needs_one = check in (CheckKind.INPUT_FILE, CheckKind.ASPECT_RATIO, CheckKind.LINK_TYPE)
    if (needs_one and len(inputs) != 1) or (check is CheckKind.ANY_NONZERO and not inputs):
        raise BadFactsError(f"{row.at}: inputs: {check.value} looks at {'one input' if needs_one else 'inputs'}")
    ratio = check is CheckKind.ASPECT_RATIO
    return kinds.OwnCheck(
        function=row.name("function"),
        check=check,
        inputs=inputs,
        takes_all=row.flag("takes_all"),
        takes_types=check is CheckKind.LINK_TYPE,
        what=row.name("what") if check is CheckKind.INPUT_FILE else "",
        types=row.names("types_taken") if check is CheckKind.LINK_TYPE else (),
        least=row.number("least") if ratio else 0.0,
        most=row.number("most") if ratio else 0.0,
        refusal=row.text("refusal") if check in (CheckKind.ANY_NONZERO, CheckKind.LINK_TYPE) else "",
    )


def _widget_type(row: _Object, _pack: str) -> Fact:
    profiles = {*row.by_name("new_values"), *row.names("wrapped_by")} - PROFILES.keys()
    if profiles:
        raise BadFactsError(f"{row.at}: {_quoted(min(profiles))} is no editor; known are {', '.join(PROFILES)}")
    return kinds.WidgetType(
        objects=row.flag("objects"),
        no_numbers=row.flag("no_numbers"),
        new_values=row.by_name("new_values"),
        wrapped_by=frozenset(row.names("wrapped_by")),
        fixed=(row.value("fixed"),) if row.has("fixed") else (),
        saved=row.flag("saved", default=True),
        least=row.number("least") if row.has("least") else None,
    )


_READERS: Mapping[str, Callable[[_Object, str], Fact]] = {
    "saves": _saves,
    "saves_nothing": lambda _row, _pack: kinds.SavesNothing(),
    "value_node": lambda row, _pack: kinds.ValueNode(row.name("input")),
    "scale": _scale,
    "mask_source": lambda row, _pack: kinds.MaskSource(row.name("input"), row.value("alpha")),
    "image_lack": _image_lack,
    "virtual": _virtual,
    "extra_widgets": _extra_widgets,
    "own_choices": lambda row, _pack: kinds.OwnChoices(row.name("choice"), row.name("index"), row.name("option")),
    "widget_text": lambda row, _pack: kinds.WidgetText(row.name("input")),
    "renamed_input": lambda row, _pack: kinds.RenamedInput(row.name("old"), row.name("new")),
    "decided_by_extension": _decided_by_extension,
    "drawn_value": lambda row, pack: kinds.DrawnValue(pack, row.name("input")),
    "no_control": lambda _row, _pack: kinds.NoControl(),
    "values_by_name": lambda row, pack: kinds.ValuesByName(pack, frozenset(row.names("shows"))),
    "successor": lambda row, _pack: kinds.Successor(row.name("class_type"), row.names_by_name("inputs")),
    "splits_batch": lambda row, _pack: kinds.SplitsBatch(row.name("input")),
    "own_check": _own_check,
    "widget_type": _widget_type,
    "saved_type": _saved_type,
    "upload_button": lambda _row, _pack: kinds.UploadButton(),
}
