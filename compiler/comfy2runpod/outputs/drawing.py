"""A drawing made of lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.outputs.base import FileOutput, HubCategory
from comfy2runpod_contract.media import MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingOutput(FileOutput):
    """A drawing made of lines, of which nothing is measured."""

    kind: ClassVar[MediaKind] = MediaKind.DRAWING

    @classmethod
    def hub_category(cls) -> HubCategory:
        """Images."""
        return "image"
