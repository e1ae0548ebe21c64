"""A whole number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod import note_forms
from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.fields.base import FieldBase, Marker, bounds
from comfy2runpod.fields.draft import Draft
from comfy2runpod.fields.note import DEFAULT, MAXIMUM, MINIMUM, NoteKey
from comfy2runpod.quoting import Word, python, python_source
from comfy2runpod_contract.json_types import Json, JsonObject

_MULTIPLE_OF = NoteKey("multiple_of", note_forms.text)
_OFFSET = NoteKey("offset", note_forms.text)

# Numbers of the form k·n + o are listed one by one in JSON Schema up to so many.
_MOST_LISTED = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerField(FieldBase):
    """A whole number: `minimum <= v <= maximum` and `v % multiple_of == offset`."""

    kind: ClassVar[str] = "integer"
    note_keys: ClassVar = (DEFAULT, MINIMUM, MAXIMUM, _MULTIPLE_OF, _OFFSET)
    takes_expressions: ClassVar[bool] = True

    default: int
    minimum: int
    maximum: int
    multiple_of: int = 1
    offset: int = 0

    @classmethod
    def takes(cls, spec: InputSpec) -> bool:
        """Any whole number's, a seed's too."""
        return spec.type == "INT"

    @classmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field, its bounds those of all its inputs and of the note."""
        low, high = draft.whole_bounds()
        multiple, noted_offset = draft.whole(_MULTIPLE_OF), draft.whole(_OFFSET)
        step = 1 if multiple is None else multiple
        offset = noted_offset or 0
        if step < 1 or not 0 <= offset < step:
            draft.bad("multiple_of", step, "a positive number, and an offset from 0 to below it")
            return None
        allowed = range(low + (offset - low) % step, high + 1, step)
        if allowed.start > high:
            draft.bad("min", low, f"bounds that hold a value (they end at {high})")
            return None
        default = draft.default(draft.whole)
        if isinstance(default, bool) or not isinstance(default, int) or default not in allowed:
            draft.bad("default", default, f"a whole number from {low} to {high}{_form(step, offset)}")
            return None
        draft.check_expressions(allowed)
        return cls(
            **draft.common(required=bool(draft.note.required)),
            default=default,
            minimum=low,
            maximum=high,
            multiple_of=step,
            offset=offset,
        )

    def whole_values(self) -> range:
        """The numbers that it takes."""
        return range(self.minimum + (self.offset - self.minimum) % self.multiple_of, self.maximum + 1, self.multiple_of)

    def value_schema(self) -> JsonObject:
        """JSON Schema has no word for k·n + o: told by our own, and listed too if they are not too many."""
        schema: JsonObject = {"type": "integer", **bounds(self.minimum, self.maximum)}
        if not self.offset:
            return {**schema, "multipleOf": self.multiple_of} if self.multiple_of > 1 else schema
        values = self.whole_values()
        # Not len(): a range may be too long for it.
        if (self.maximum - values.start) // values.step < _MOST_LISTED:
            schema["enum"] = list(values)
        return {**schema, "x-step": self.multiple_of, "x-offset": self.offset}

    def markers(self) -> tuple[Marker, ...]:
        """A form that pydantic has no word for."""
        if self.multiple_of == 1 or not self.offset:
            return ()
        source = python_source("Stepped(multiple_of={}, offset={})", self.multiple_of, self.offset)
        return (Marker(Word("comfy2runpod_runtime"), Word("Stepped"), source),)

    def default_value(self) -> Json:
        """The graph's value or the note's."""
        return self.default

    def allowed(self) -> str:
        """Its bounds and its form."""
        text = f"{self.minimum} to {self.maximum}"
        if self.multiple_of > 1 and self.offset:
            return f"{text}, {self.multiple_of}·n + {self.offset}"
        return f"{text}, a multiple of {self.multiple_of}" if self.multiple_of > 1 else text

    def default_text(self) -> str:
        """The number."""
        return python(self.default)

    def example(self) -> Json:
        """The default."""
        return self.default

    def number_bounds(self) -> tuple[float | None, float | None] | None:
        """Its bounds."""
        return self.minimum, self.maximum


def _form(step: int, offset: int) -> str:
    if step == 1:
        return ""
    return f" of the form {step}·n + {offset}" if offset else f" that is a multiple of {step}"
