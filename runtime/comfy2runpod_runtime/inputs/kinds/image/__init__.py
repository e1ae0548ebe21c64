"""An image of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod_runtime.inputs.file_input import DecodeLimits, FileInput, InputKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInput(FileInput):
    """Marks a text that is an image, within limits.

    Attributes:
        max_pixels: width times height.
        max_aspect: the longer side divided by the shorter one.
    """

    kind: ClassVar[InputKind] = InputKind(
        name="image",
        plural="images",
        library="PIL",
        accept=b"image/*",
        data_url="data:image/png;base64,…",
        ending=".png",
        signature=b"\x89PNG\r\n\x1a\n",
        signature_at=0,
        remedy="save it again as a plain PNG or JPEG",
        decode_limits=DecodeLimits(cpu_seconds=30, seconds=120, memory_bytes=2_500_000_000),
        cpu_use="The largest image that a field can allow, 100 megapixels, takes half.",
        memory_use="The largest image that a field can allow takes 2 GB.",
    )

    max_pixels: int
    max_aspect: float

    @property
    def max_written_bytes(self) -> int:
        """The largest PNG of such an image: incompressible pixels take a little more than their own size."""
        return self.max_pixels * 5 + (1 << 20)

    @classmethod
    def decoder(cls) -> Callable[[bytes, Self], bytes]:
        """As a PNG."""
        from comfy2runpod_runtime.inputs.kinds.image.decode import image_png  # noqa: PLC0415 - in its process alone

        return image_png
