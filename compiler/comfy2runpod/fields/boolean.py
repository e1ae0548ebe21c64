"""True or false."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod.fields.base import FieldBase
from comfy2runpod.fields.draft import Draft
from comfy2runpod.fields.note import DEFAULT
from comfy2runpod_contract.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class BooleanField(FieldBase):
    """True or false."""

    kind: ClassVar[str] = "boolean"
    note_keys: ClassVar = (DEFAULT,)

    default: bool

    @classmethod
    def takes(cls, spec: InputSpec) -> bool:
        """A switch's."""
        return spec.type == "BOOLEAN"

    @classmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field."""
        default = draft.default()
        if isinstance(default, str) and default.casefold() in ("true", "false"):
            default = default.casefold() == "true"
        if not isinstance(default, bool):
            draft.bad("default", default, "true or false")
            return None
        return cls(**draft.common(required=bool(draft.note.required)), default=default)

    def value_schema(self) -> JsonObject:
        """A boolean."""
        return {"type": "boolean"}

    def default_value(self) -> Json:
        """The graph's value or the note's."""
        return self.default

    def allowed(self) -> str:
        """Both."""
        return "true or false"

    def default_text(self) -> str:
        """The value, as JSON has it."""
        return "true" if self.default else "false"

    def example(self) -> Json:
        """The default."""
        return self.default
