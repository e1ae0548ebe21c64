"""Files that ComfyUI saved: decoded whole, measured, encoded for the answer.

A container's header says little: a truncated mp4 opens well and fails only when its frames are decoded.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from PIL import Image as Images
from PIL import UnidentifiedImageError

from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.json_types import JsonObject

# What is taken for good enough by most: smaller than PNG by far, and hardly told from it.
_QUALITY = 90
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

_EXTENSIONS = {
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/ogg": ".ogv",
    "audio/mp4": ".m4a",
    "audio/webm": ".weba",
    "audio/ogg": ".ogg",
    "audio/flac": ".flac",
    "audio/mpeg": ".mp3",
    "audio/wav": ".wav",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/svg+xml": ".svg",
    "model/gltf-binary": ".glb",
}


@dataclass(frozen=True, slots=True)
class MovingMeasures:
    """Measured on the decoded frames of a video or an animated image; duration in seconds."""

    width: int
    height: int
    frame_count: int
    duration_seconds: float
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
    """Measured on the decoded image."""

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


@dataclass(frozen=True, slots=True)
class NoMeasures:
    """A whole file on which nothing is measured: a 3D model, a drawing."""

    media_type: str

    def to_json(self) -> JsonObject:
        """Nothing."""
        return {}


Measures: TypeAlias = MovingMeasures | ImageMeasures | AudioMeasures | NoMeasures


def measure_video(path: Path) -> MovingMeasures:
    """Decodes every frame and sample; duration is frames by rate.

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
            frames, width, height = 0, 0, 0
            for frame in container.decode(*streams):
                if isinstance(frame, av.VideoFrame):
                    frames += 1
                    width, height = frame.width, frame.height
            announced, media_type = stream.frames, _media_type(container, 0)
    except av.FFmpegError as error:
        raise OutputInvalid(f"{path.name} is not a whole video ({type(error).__name__}).") from error
    if not frames or not rate:
        raise OutputInvalid(f"{path.name} holds no frames.")
    if frames < announced:
        raise OutputInvalid(f"{path.name} is not a whole video: {frames} of its {announced} frames are there.")
    return MovingMeasures(width, height, frames, round(float(frames / rate), 2), media_type)


def measure_image(path: Path) -> ImageMeasures:
    """Decodes the whole image.

    Raises:
        OutputInvalid: it is no image, or not whole.
    """
    try:
        with Images.open(path) as image:
            image.load()
            media_type = Images.MIME.get(image.format or "", _UNKNOWN)
            return ImageMeasures(image.width, image.height, media_type)
    except (UnidentifiedImageError, OSError, SyntaxError, Images.DecompressionBombError) as error:
        raise OutputInvalid(f"{path.name} is not a whole image ({type(error).__name__}).") from error


def measure_animation(path: Path) -> MovingMeasures:
    """Decodes every frame of an animated image; duration is that of its frames together.

    Raises:
        OutputInvalid: it is no image, or not whole.
    """
    try:
        with Images.open(path) as image:
            frames = getattr(image, "n_frames", 1)
            milliseconds = 0.0
            for index in range(frames):
                image.seek(index)
                image.load()
                milliseconds += image.info.get("duration", 0)
            media_type = Images.MIME.get(image.format or "", _UNKNOWN)
            return MovingMeasures(image.width, image.height, frames, round(milliseconds / 1000, 2), media_type)
    except (UnidentifiedImageError, OSError, SyntaxError, EOFError, Images.DecompressionBombError) as error:
        raise OutputInvalid(f"{path.name} is not a whole animated image ({type(error).__name__}).") from error


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


def reencoded(path: Path, kind: str, quality: int | None) -> Path:
    """An image as `png`, `jpeg` or `webp`, beside the file; without metadata.

    JPEG has no alpha: what is transparent is laid over white.
    """
    target = path.with_suffix(f".as-{kind}")
    with Images.open(path) as image:
        pixels = image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB")
    if kind == "jpeg" and pixels.mode == "RGBA":
        white = Images.new("RGBA", pixels.size, "white")
        pixels = Images.alpha_composite(white, pixels).convert("RGB")
    # Nothing of the file's own goes along: ComfyUI writes the whole prompt into its images.
    if kind == "png":
        pixels.save(target, "PNG")
    else:
        pixels.save(target, kind.upper(), quality=_QUALITY if quality is None else quality)
    return target


def extension_of(media_type: str) -> str:
    """What the name of a file of this type ends in."""
    return _EXTENSIONS.get(media_type, ".bin")


def sha256_of(path: Path) -> str:
    """The file's sha256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
