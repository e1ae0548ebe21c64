"""One of several texts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Self

from comfy2runpod import note_forms
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.diagnostics import shorten
from comfy2runpod.fields.base import FieldBase
from comfy2runpod.fields.draft import Draft
from comfy2runpod.fields.note import DEFAULT, NoteKey
from comfy2runpod_contract.json_types import Json, JsonObject

_CHOICES = NoteKey("choices", note_forms.texts)

# A page that lists more of them is of no use to anybody.
_MOST = 20_000
_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceField(FieldBase):
    """One of a list of texts."""

    kind: ClassVar[str] = "choice"
    note_keys: ClassVar = (DEFAULT, _CHOICES)

    default: str
    choices: tuple[str, ...]

    @classmethod
    def takes(cls, spec: InputSpec) -> bool:
        """That of a combo whose choices the class declares; files are none."""
        return spec.type == "COMBO" and bool(spec.choices) and not spec.folders

    @classmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field; its choices are those that all its inputs have, or of these the note's."""
        common = dict.fromkeys(_texts_of(draft.reached[0].spec))
        for item in draft.reached:
            for _, spec in item.bounds:
                theirs = frozenset(_texts_of(spec))
                common = dict.fromkeys(choice for choice in common if choice in theirs)
        noted = draft.note.value(_CHOICES)
        for choice in noted or ():
            if choice not in common:
                draft.bad("choices", choice, f"some of {_some(common)}")
                return None
        choices = tuple(common if noted is None else dict.fromkeys(noted))
        if len(choices) > _MOST:
            draft.bad("choices", f"{len(choices):,} choices", f"at most {_MOST:,}; list those to offer")
            return None
        default = draft.default()
        if not isinstance(default, str) or default not in choices:
            draft.bad("default", default, f"one of {_some(choices)}")
            return None
        return cls(**draft.common(required=bool(draft.note.required)), default=default, choices=choices)

    def value_schema(self) -> JsonObject:
        """One of the texts."""
        return {"type": "string", "enum": [*self.choices]}

    def default_value(self) -> Json:
        """The graph's choice or the note's."""
        return self.default

    def allowed(self) -> str:
        """The choices."""
        return ", ".join(self.choices)

    def default_text(self) -> str:
        """The choice."""
        return self.default

    def example(self) -> Json:
        """The default."""
        return self.default

    def texts(self) -> tuple[str, ...] | None:
        """The choices."""
        return self.choices


def _texts_of(spec: InputSpec) -> tuple[str, ...]:
    return tuple(choice for choice in spec.choices or () if isinstance(choice, str))


def _some(choices: Collection[str]) -> str:
    """The choices; of very many the first."""
    shown = ", ".join(shorten(choice) for choice in islice(choices, _SHOWN))
    more = len(choices) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
