"""A text that a node shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.outputs.base import HubCategory, OutputBase
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.media import Measure, MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOutput(OutputBase):
    """A text, which is no file: it stands in the answer as it is."""

    kind: ClassVar[MediaKind] = MediaKind.TEXT
    data_key: ClassVar[str] = "text"
    is_file: ClassVar[bool] = False

    @classmethod
    def hub_category(cls) -> HubCategory:
        """Texts."""
        return "language"

    def data_schema(self) -> JsonObject:
        """The text."""
        return {"type": "string", "description": self.description or "The text."}

    def data_text(self) -> str:
        """The text."""
        return "The text."

    def address_schemas(self) -> JsonObject:
        """None: it is never delivered by URL."""
        return {}

    def measures(self) -> tuple[Measure, ...]:
        """None: there is no file."""
        return ()

    def measure_schemas(self) -> JsonObject:
        """None: there is no file."""
        return {}
