"""Files that ComfyUI saved: decoded whole, measured, encoded for the answer.

A container's header says little: a truncated mp4 opens well and fails only when its frames are decoded.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from PIL import Image as Pictures
from PIL import UnidentifiedImageError

from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.json_types import JsonObject

_CHUNK = 3 << 18  # a multiple of three: each chunk's base64 stands alone

# FFmpeg's name of a container -> the media type of a video in it, and of a sound alone.
_CONTAINERS = {
    "mov,mp4,m4a,3gp,3g2,mj2": ("video/mp4", "audio/mp4"),
    "matroska,webm": ("video/webm", "audio/webm"),
    "ogg": ("video/ogg", "audio/ogg"),
    "flac": (None, "audio/flac"),
    "mp3": (None, "audio/mpeg"),
    "wav": (None, "audio/wav"),
}
_UNKNOWN = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class VideoMeasures:
    """Measured on the decoded frames; duration is frames by rate, in seconds."""

    width: int
    height: int
    frame_count: int
    duration_seconds: float
    has_audio: bool
    media_type: str

    def to_json(self) -> JsonObject:
        """The measured fields of an answer."""
        return {
            "width": self.width,
            "height": self.height,
            "frame_count": self.frame_count,
            "duration_seconds": self.duration_seconds,
        }


@dataclass(frozen=True, slots=True)
class ImageMeasures:
    """Measured on the decoded picture."""

    width: int
    height: int
    media_type: str

    def to_json(self) -> JsonObject:
        """The measured fields of an answer."""
        return {"width": self.width, "height": self.height}


@dataclass(frozen=True, slots=True)
class AudioMeasures:
    """Measured on the decoded samples, in seconds."""

    duration_seconds: float
    media_type: str

    def to_json(self) -> JsonObject:
        """The measured fields of an answer."""
        return {"duration_seconds": self.duration_seconds}


Measures: TypeAlias = VideoMeasures | ImageMeasures | AudioMeasures


def measure_video(path: Path) -> VideoMeasures:
    """Decodes every frame and sample.

    Raises:
        OutputInvalid: it is no video, or not whole.
    """
    try:
        with av.open(path) as container:
            if not container.streams.video:
                raise OutputInvalid(f"{path.name} holds no video.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            rate = stream.average_rate or Fraction(0)
            streams = [stream, *container.streams.audio[:1]]
            frames, width, height, samples = 0, 0, 0, 0
            for frame in container.decode(*streams):
                if isinstance(frame, av.VideoFrame):
                    frames += 1
                    width, height = frame.width, frame.height
                elif isinstance(frame, av.AudioFrame):
                    samples += frame.samples
            announced, media_type = stream.frames, _media_type(container, 0)
    except av.FFmpegError as error:
        raise OutputInvalid(f"{path.name} is not a whole video ({type(error).__name__}).") from error
    if not frames or not rate:
        raise OutputInvalid(f"{path.name} holds no frames.")
    if frames < announced:
        raise OutputInvalid(f"{path.name} is not a whole video: {frames} of its {announced} frames are there.")
    return VideoMeasures(width, height, frames, round(float(frames / rate), 2), samples > 0, media_type)


def measure_image(path: Path) -> ImageMeasures:
    """Decodes the whole picture.

    Raises:
        OutputInvalid: it is no picture, or not whole.
    """
    try:
        with Pictures.open(path) as picture:
            picture.load()
            media_type = Pictures.MIME.get(picture.format or "", _UNKNOWN)
            return ImageMeasures(picture.width, picture.height, media_type)
    except (UnidentifiedImageError, OSError, SyntaxError, Pictures.DecompressionBombError) as error:
        raise OutputInvalid(f"{path.name} is not a whole picture ({type(error).__name__}).") from error


def measure_audio(path: Path) -> AudioMeasures:
    """Decodes every sample.

    Raises:
        OutputInvalid: it holds no sound, or is not whole.
    """
    try:
        with av.open(path) as container:
            if not container.streams.audio:
                raise OutputInvalid(f"{path.name} holds no sound.")
            seconds = sum(
                float(frame.samples / frame.sample_rate) for frame in container.decode(container.streams.audio[0])
            )
            media_type = _media_type(container, 1)
    except av.FFmpegError as error:
        raise OutputInvalid(f"{path.name} is not a whole sound file ({type(error).__name__}).") from error
    if not seconds:
        raise OutputInvalid(f"{path.name} holds no sound.")
    return AudioMeasures(round(seconds, 2), media_type)


def encoded(path: Path) -> str:
    """The file as base64 text, read in chunks so that its bytes are never whole beside the text."""
    parts = []
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            parts.append(base64.b64encode(chunk).decode("ascii"))
    return "".join(parts)


def _media_type(container: av.container.InputContainer, kind: int) -> str:
    """What a file really is, whatever its name says."""
    return _CONTAINERS.get(container.format.name, (None, None))[kind] or _UNKNOWN
