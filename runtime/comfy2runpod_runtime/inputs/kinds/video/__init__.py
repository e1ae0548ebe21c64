"""A video of the caller's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod_runtime.inputs.file_input import DecodeLimits, FileInput, InputKind

# Of a video that is written anew. ComfyUI takes no larger upload than 100 MiB, unless it is started with another limit.
MOST_WRITTEN_BYTES = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInput(FileInput):
    """Marks a text that is a video, within limits. Its formats are containers.

    Attributes:
        max_pixels: width times height of one frame.
        max_frames: the number of frames, counted while decoding.
        max_seconds: the duration.
    """

    kind: ClassVar[InputKind] = InputKind(
        name="video",
        plural="videos",
        library="av",
        accept=b"video/*",
        data_url="data:video/mp4;base64,…",
        ending=".mp4",
        signature=b"ftyp",
        signature_at=4,
        remedy="send a shorter or smaller one, or save it again as an MP4 with H.264",
        decode_limits=DecodeLimits(cpu_seconds=300, seconds=600, memory_bytes=4_000_000_000),
        cpu_use="500 frames of 1920 x 1088 take half a minute.",
        memory_use="The largest frames that a field can allow, twice 4096 x 2160, take less.",
    )

    max_pixels: int
    max_frames: int
    max_seconds: float

    @property
    def max_written_bytes(self) -> int:
        """The largest video that is written anew."""
        return MOST_WRITTEN_BYTES

    @classmethod
    def decoder(cls) -> Callable[[bytes, Self], bytes]:
        """As an MP4 of H.264 and AAC."""
        from comfy2runpod_runtime.inputs.kinds.video.decode import video_mp4  # noqa: PLC0415 - in its process alone

        return video_mp4
