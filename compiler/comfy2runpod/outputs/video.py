"""A video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.outputs.base import FileOutput, HubCategory
from comfy2runpod_contract.media import MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoOutput(FileOutput):
    """Frames, with sound or without."""

    kind: ClassVar[MediaKind] = MediaKind.VIDEO

    @classmethod
    def hub_category(cls) -> HubCategory:
        """Videos."""
        return "video"
