"""A seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.fields.base import FieldBase, bounds
from comfy2runpod.fields.draft import Draft
from comfy2runpod.fields.note import MAXIMUM, MINIMUM
from comfy2runpod.quoting import Python, python_source
from comfy2runpod_contract.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedField(FieldBase):
    """A seed: omitted or null means that the handler draws one and returns it. 0 is a seed like any other."""

    kind: ClassVar[str] = "seed"
    note_keys: ClassVar = (MINIMUM, MAXIMUM)
    in_examples: ClassVar[bool] = False
    in_answer: ClassVar[bool] = True

    minimum: int
    maximum: int

    @classmethod
    def takes(cls, spec: InputSpec) -> bool:
        """What the class declares as a seed."""
        return spec.is_seed

    @classmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field, its bounds those of all its inputs and of the note."""
        low, high = draft.whole_bounds()
        if low > high:
            draft.bad("min", low, f"bounds that hold a value (they end at {high})")
            return None
        return cls(**draft.common(required=bool(draft.note.required)), minimum=low, maximum=high)

    def value_schema(self) -> JsonObject:
        """A whole number, or null for one that is drawn."""
        return {"type": ["integer", "null"], **bounds(self.minimum, self.maximum)}

    def answer_schema(self) -> JsonObject:
        """The seed that was used."""
        described = {"description": "The seed that was used."}
        return {"type": "integer", **bounds(self.minimum, self.maximum), **described}

    def default_value(self) -> Json:
        """Null: it is drawn."""
        return None

    def allowed(self) -> str:
        """Its bounds."""
        return f"{self.minimum} to {self.maximum}, or null"

    def default_text(self) -> str:
        """That it is drawn."""
        return "null: drawn at random"

    def example(self) -> Json:
        """One that is drawn."""
        return None

    def patch_value(self) -> Python:
        """What the worker drew, or took from the request."""
        return python_source("run.seeds[{}]", self.name)
