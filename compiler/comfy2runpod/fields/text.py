"""A text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod import note_forms
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.fields.base import FieldBase
from comfy2runpod.fields.draft import Draft
from comfy2runpod.fields.note import DEFAULT, NoteKey
from comfy2runpod_contract.json_types import Json, JsonObject

_MIN_LENGTH = NoteKey("min_length", note_forms.count)
_MAX_LENGTH = NoteKey("max_length", note_forms.count)

_DEFAULT_LENGTH = 10_000
# No request is as long.
_LONGEST = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TextField(FieldBase):
    """A text; lengths in Unicode code points."""

    kind: ClassVar[str] = "text"
    note_keys: ClassVar = (DEFAULT, _MIN_LENGTH, _MAX_LENGTH)
    # Its default may be a page long.
    in_examples: ClassVar[bool] = False

    default: str
    min_length: int
    max_length: int
    multiline: bool

    @classmethod
    def takes(cls, spec: InputSpec) -> bool:
        """A text's."""
        return spec.type == "STRING"

    @classmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field; one that is required must not be empty, unless the note says so."""
        default = draft.default()
        if not isinstance(default, str):
            draft.bad("default", default, "a text")
            return None
        required = bool(draft.note.required)
        noted_shortest, noted_longest = draft.note.value(_MIN_LENGTH), draft.note.value(_MAX_LENGTH)
        shortest = int(required) if noted_shortest is None else noted_shortest
        longest = _DEFAULT_LENGTH if noted_longest is None else noted_longest
        if shortest > longest:
            draft.bad("max_length", longest, f"at least min_length, {shortest}")
            return None
        if longest > _LONGEST:
            draft.bad("max_length", longest, f"at most {_LONGEST:,}")
            return None
        if not shortest <= len(default) <= longest and not required:
            draft.bad("default", default, f"a text of {shortest:,} to {longest:,} characters")
            return None
        return cls(
            **draft.common(required=required),
            default=default,
            min_length=shortest,
            max_length=longest,
            multiline=any(item.spec.multiline for item in draft.reached),
        )

    def value_schema(self) -> JsonObject:
        """A text of some length."""
        return {"type": "string", "minLength": self.min_length, "maxLength": self.max_length}

    def default_value(self) -> Json:
        """The graph's text or the note's."""
        return self.default

    def allowed(self) -> str:
        """Its lengths."""
        return f"{self.min_length:,} to {self.max_length:,} characters"

    def default_text(self) -> str:
        """The text, in quotes."""
        return f'"{self.default}"' if self.default else "empty"

    def example(self) -> Json:
        """The default."""
        return self.default

    def texts(self) -> tuple[str, ...] | None:
        """Any."""
        return None
