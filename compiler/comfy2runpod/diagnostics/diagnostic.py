"""The base of all diagnostics: a class declares its code, its reason and its remedy over its own typed fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from string import Formatter
from typing import Any, ClassVar, Self, dataclass_transform, overload

from comfy2runpod.diagnostics.locus import Locus
from comfy2runpod.diagnostics.wording import all_of, chain, did_you_mean, displayed, listed, shorten, show
from comfy2runpod_contract.json_types import JsonObject

_LABEL = "label"


class Severity(StrEnum):
    """A warning is given only where the compiled prompt is certainly right."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Related:
    """A further place that a diagnostic is about, and what is there, in a few words."""

    at: Locus
    label: str


def also(label: str) -> Any:  # noqa: ANN401 - as dataclasses.field
    """A field of a diagnostic that holds a further place (or None, or a tuple of places), and what is there.

    Args:
        label: a few words, such as "also has this id"; a template like those of `Text`.
    """
    return dataclasses.field(metadata={_LABEL: label})


class Text:
    """A text of a class of diagnostics; read from a diagnostic, it is filled from the diagnostic's fields.

    It is a template, in which a field may have a format: `{value:json}`, `{path:short}`, `{names:list}`, `{names:and}`,
    `{nodes:chain}`, `{near:did_you_mean}`, `{size:,}`. Where a text needs logic, `Text` decorates a method instead.
    """

    def __init__(self, source: str | Callable[[Any], str]) -> None:
        self._source = source

    @overload
    def __get__(self, diagnostic: None, kind: object) -> Self: ...

    @overload
    def __get__(self, diagnostic: Diagnostic, kind: object) -> str: ...

    def __get__(self, diagnostic: Diagnostic | None, kind: object) -> Self | str:
        """The text itself for the class; the filled text for a diagnostic."""
        if diagnostic is None:
            return self
        return _fill(self._source, diagnostic) if isinstance(self._source, str) else self._source(diagnostic)

    def check(self, kind: type[Diagnostic]) -> None:
        """Raises TypeError if the template names a field that the class does not have, or an unknown format."""
        if isinstance(self._source, str):
            _check(self._source, kind)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(dataclasses.field, also))
class _DeclaredByFields:
    """Makes each subclass a frozen dataclass with keyword arguments alone."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # The base compares and shows all of them: to generate that for each class takes half of their import time.
        dataclass(frozen=True, kw_only=True, eq=False, repr=False)(cls)


class Diagnostic(_DeclaredByFields):
    """One thing that is wrong. A subclass is a frozen dataclass without saying so."""

    code: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    # What is wrong, and what was expected.
    reason: ClassVar[Text]
    # What to do about it.
    remedy: ClassVar[Text]

    at: Locus

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in ("code", "reason", "remedy"):
            if not hasattr(cls, name):
                raise TypeError(f"{cls.__name__} declares no {name}")
        for text in vars(cls).values():
            if isinstance(text, Text):
                text.check(cls)
        for field in fields(cls):
            _check(field.metadata.get(_LABEL, ""), cls)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and type(other) is type(self) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((type(self), self._compared()))

    def __repr__(self) -> str:
        values = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
        return f"{type(self).__name__}({values})"

    def _compared(self) -> tuple[object, ...]:
        return tuple(getattr(self, field.name) for field in fields(self) if field.compare)

    @property
    def position(self) -> tuple[int, int] | None:
        """Line and column in the file, from 1, if the parser gave them; otherwise they follow from `at.json_path`."""
        return None

    @property
    def related(self) -> tuple[Related, ...]:
        """Further places, from the fields that `also` declares."""
        found = []
        for field in fields(self):
            if _LABEL in field.metadata:
                value = getattr(self, field.name)
                label = _fill(field.metadata[_LABEL], self)
                places = value if isinstance(value, tuple) else (value,)
                found += [Related(item, label) for item in places if item is not None]
        return tuple(found)

    def to_json(self) -> JsonObject:
        """The diagnostic as data. `also`, the further places, is there only if there are any."""
        entry: JsonObject = {
            "code": self.code,
            "severity": self.severity.value,
            "at": self.at.to_json(),
            "reason": displayed(self.reason),
            "remedy": displayed(self.remedy),
        }
        if self.related:
            entry["also"] = [{"at": item.at.to_json(), "label": displayed(item.label)} for item in self.related]
        return entry


_FORMATS: Mapping[str, Callable[[Any], str]] = {
    "json": show,
    "short": shorten,
    "list": listed,
    "and": all_of,
    "chain": chain,
    "did_you_mean": did_you_mean,
}
_STANDARD_FORMATS = ("", ",")


class _Filler(Formatter):
    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:  # noqa: ANN401, ARG002 - Formatter's signature
        return getattr(args[0], str(key))

    def format_field(self, value: Any, format_spec: str) -> str:  # noqa: ANN401 - Formatter's signature
        named = _FORMATS.get(format_spec)
        return str(format(value, format_spec)) if named is None else named(value)


def _fill(template: str, diagnostic: Diagnostic) -> str:
    return _Filler().vformat(template, (diagnostic,), {})


def _check(template: str, kind: type[Diagnostic]) -> None:
    known = {field.name for field in fields(kind)}
    for _, name, form, conversion in Formatter().parse(template):
        if name is None:
            continue
        first = name.partition(".")[0]
        if first not in known and not hasattr(kind, first):
            raise TypeError(f"{kind.__name__} has no field {first!r}, which its text {template!r} names")
        if conversion or (form not in _FORMATS and form not in _STANDARD_FORMATS):
            raise TypeError(f"{kind.__name__}: the text {template!r} has an unknown format")
