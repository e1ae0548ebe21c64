"""A number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.fields.base import FieldBase, bounds
from comfy2runpod.fields.draft import Draft
from comfy2runpod.fields.note import DEFAULT, MAXIMUM, MINIMUM
from comfy2runpod.quoting import python
from comfy2runpod_contract.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberField(FieldBase):
    """A number with bounds, inclusive."""

    kind: ClassVar[str] = "number"
    note_keys: ClassVar = (DEFAULT, MINIMUM, MAXIMUM)

    default: float
    minimum: float | None
    maximum: float | None

    @classmethod
    def takes(cls, spec: InputSpec) -> bool:
        """A number's."""
        return spec.type == "FLOAT"

    @classmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field, its bounds those of all its inputs and of the note."""
        low, high = draft.declared_bounds()
        noted_low, noted_high = draft.decimal(MINIMUM), draft.decimal(MAXIMUM)
        if noted_low is not None and low is not None and noted_low < low:
            draft.widened(MINIMUM, noted_low, low)
        if noted_high is not None and high is not None and noted_high > high:
            draft.widened(MAXIMUM, noted_high, high)
        low = low if noted_low is None else noted_low
        high = high if noted_high is None else noted_high
        default = draft.default(draft.decimal)
        if isinstance(default, bool) or not isinstance(default, (int, float)) or not _is_double(default):
            draft.bad("default", default, "a finite number")
            return None
        if (low is not None and default < low) or (high is not None and default > high):
            draft.bad("default", default, f"a number from {low} to {high}")
            return None
        common = draft.common(required=bool(draft.note.required))
        return cls(**common, default=float(default), minimum=low, maximum=high)

    def value_schema(self) -> JsonObject:
        """A number within bounds."""
        return {"type": "number", **bounds(self.minimum, self.maximum)}

    def default_value(self) -> Json:
        """The graph's value or the note's."""
        return self.default

    def allowed(self) -> str:
        """Its bounds, as far as it has some."""
        if self.minimum is None:
            return "any" if self.maximum is None else f"at most {self.maximum}"
        return f"at least {self.minimum}" if self.maximum is None else f"{self.minimum} to {self.maximum}"

    def default_text(self) -> str:
        """The number."""
        return python(self.default)

    def example(self) -> Json:
        """The default."""
        return self.default

    def number_bounds(self) -> tuple[float | None, float | None] | None:
        """Its bounds."""
        return self.minimum, self.maximum


def _is_double(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False
