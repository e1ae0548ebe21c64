"""A sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.outputs.base import FileOutput, HubCategory
from comfy2runpod_contract.media import MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioOutput(FileOutput):
    """Sound alone."""

    kind: ClassVar[MediaKind] = MediaKind.AUDIO

    @classmethod
    def hub_category(cls) -> HubCategory:
        """Sounds."""
        return "audio"
