"""An image of several frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.outputs.base import FileOutput, HubCategory
from comfy2runpod_contract.media import MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimationOutput(FileOutput):
    """An image whose frames follow each other in time."""

    kind: ClassVar[MediaKind] = MediaKind.ANIMATION

    @classmethod
    def hub_category(cls) -> HubCategory:
        """Videos."""
        return "video"
