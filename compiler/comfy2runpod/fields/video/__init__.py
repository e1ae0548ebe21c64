"""A video of the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from comfy2runpod import note_forms
from comfy2runpod.fields.base import ClientClass
from comfy2runpod.fields.draft import Draft
from comfy2runpod.fields.file_input import FILE_KEYS, MAX_PIXELS, FileField
from comfy2runpod.fields.note import NoteKey
from comfy2runpod.fields.video.example import example_video
from comfy2runpod.quoting import Word
from comfy2runpod_contract.json_types import Json
from comfy2runpod_contract.limits import LEAST_INPUT_PIXELS
from comfy2runpod_contract.media import FileFormat
from comfy2runpod_contract.video_inputs import (
    DEFAULT_VIDEO_BYTES,
    DEFAULT_VIDEO_FRAMES,
    DEFAULT_VIDEO_PIXELS,
    DEFAULT_VIDEO_SECONDS,
    MOST_VIDEO_FRAMES,
    MOST_VIDEO_PIXELS,
    MOST_VIDEO_SECONDS,
    VIDEO_FORMATS,
)

_MAX_FRAMES = NoteKey("max_frames", note_forms.count)
_MAX_SECONDS = NoteKey("max_seconds", note_forms.duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoField(FileField):
    """A video: `max_pixels` is width by height of a frame."""

    kind: ClassVar[str] = "video"
    note_keys: ClassVar = (*FILE_KEYS, MAX_PIXELS, _MAX_FRAMES, _MAX_SECONDS)
    client_class: ClassVar[ClientClass | None] = ClientClass(Word("Video"), Word("videos"))
    document: ClassVar[str | None] = "field-video"
    runtime_class: ClassVar[Word] = Word("VideoInput")
    known_formats: ClassVar[Mapping[str, FileFormat]] = VIDEO_FORMATS
    example_url: ClassVar[str] = "https://example.com/video.mp4"

    max_pixels: int
    max_frames: int
    max_seconds: int

    @classmethod
    def make(cls, draft: Draft) -> Self | None:
        """The field: its limits, each with a default and a bound."""
        common = cls.common(draft, DEFAULT_VIDEO_BYTES)
        pixels = draft.limit(MAX_PIXELS, DEFAULT_VIDEO_PIXELS, (LEAST_INPUT_PIXELS, MOST_VIDEO_PIXELS), "pixels")
        frames = draft.limit(_MAX_FRAMES, DEFAULT_VIDEO_FRAMES, (1, MOST_VIDEO_FRAMES), "frames")
        seconds = draft.limit(_MAX_SECONDS, DEFAULT_VIDEO_SECONDS, (1, MOST_VIDEO_SECONDS), "seconds")
        if common is None or pixels is None or frames is None or seconds is None:
            return None
        return cls(**common, max_pixels=pixels, max_frames=frames, max_seconds=seconds)

    def limits(self) -> Mapping[str, float]:
        """Of its size and length."""
        return {"max_pixels": self.max_pixels, "max_frames": self.max_frames, "max_seconds": self.max_seconds}

    def most_frames(self) -> int:
        """Its limit."""
        return self.max_frames

    def allowed(self) -> str:
        """`MP4, QuickTime, WebM or Matroska, at most 20 MB, 2.08896 megapixels a frame, 500 frames and 30 seconds`."""
        size = f"{self.max_pixels / 1e6:g} megapixels a frame"
        return f"{self.formats_and_size()}, {size}, {self.max_frames:,} frames and {self.max_seconds} seconds"

    def example(self) -> Json:
        """A short one, in base64."""
        return example_video(self.formats, self.max_frames, self.max_seconds)
