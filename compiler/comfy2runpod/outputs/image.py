"""An image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.outputs.base import FileOutput, HubCategory
from comfy2runpod_contract.media import IMAGE_FORMATS, MediaKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOutput(FileOutput):
    """An image, encoded as the request says; a batch of them becomes as many files."""

    kind: ClassVar[MediaKind] = MediaKind.IMAGE
    encodings: ClassVar[tuple[str, ...]] = tuple(one.media_type for one in IMAGE_FORMATS.values())
    batched: ClassVar[bool] = True

    @classmethod
    def hub_category(cls) -> HubCategory:
        """Images."""
        return "image"
