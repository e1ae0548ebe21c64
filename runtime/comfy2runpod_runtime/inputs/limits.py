"""The limits of media fields. Used by the fields and by the decoder process, which must not import pydantic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from comfy2runpod_runtime.inputs.kinds import IMAGE, VIDEO, InputKind

# Of a video that is written anew. ComfyUI takes no larger upload than 100 MiB, unless it is started with another limit.
MOST_WRITTEN_VIDEO_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What an image field accepts.

    Attributes:
        max_bytes: the size of the file.
        max_pixels: width times height.
        max_aspect: the longer side divided by the shorter one.
        formats: some of `png`, `jpeg` and `webp`.
    """

    kind: ClassVar[InputKind] = IMAGE

    max_bytes: int
    max_pixels: int
    max_aspect: float
    formats: tuple[str, ...]

    @property
    def max_written_bytes(self) -> int:
        """The largest PNG of such an image: incompressible pixels take a little more than their own size."""
        return self.max_pixels * 5 + (1 << 20)


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What a video field accepts.

    Attributes:
        max_bytes: the size of the file.
        max_pixels: width times height of one frame.
        max_frames: the number of frames, counted while decoding.
        max_seconds: the duration.
        formats: containers, some of `mp4`, `mov`, `webm` and `mkv`.
    """

    kind: ClassVar[InputKind] = VIDEO

    max_bytes: int
    max_pixels: int
    max_frames: int
    max_seconds: float
    formats: tuple[str, ...]

    @property
    def max_written_bytes(self) -> int:
        """The largest video that is written anew."""
        return MOST_WRITTEN_VIDEO_BYTES


MediaLimits: TypeAlias = ImageLimits | VideoLimits
