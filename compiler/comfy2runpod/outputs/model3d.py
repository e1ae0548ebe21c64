"""A 3D model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.outputs.base import FileOutput, HubCategory
from comfy2runpod_contract.media import MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Model3DOutput(FileOutput):
    """A 3D model, of which nothing is measured."""

    kind: ClassVar[MediaKind] = MediaKind.MODEL3D

    @classmethod
    def hub_category(cls) -> HubCategory:
        """Images."""
        return "image"
