"""The limits of media fields. Used by the fields and by the decoder process, which must not import pydantic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What an image field accepts.

    Attributes:
        max_bytes: the size of the file.
        max_pixels: width times height.
        max_aspect: the longer side divided by the shorter one.
        formats: some of `png`, `jpeg` and `webp`.
    """

    max_bytes: int
    max_pixels: int
    max_aspect: float
    formats: tuple[str, ...]


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

    max_bytes: int
    max_pixels: int
    max_frames: int
    max_seconds: float
    formats: tuple[str, ...]
