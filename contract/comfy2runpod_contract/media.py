"""Kinds of media in an answer: the type that each has, what is measured on it, and how files are named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

# What a file's name ends in, by the type that its content has: in the worker's bucket, and wherever a result is saved.
FILE_ENDINGS: Mapping[str, str] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/svg+xml": ".svg",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/ogg": ".ogv",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/wav": ".wav",
    "audio/webm": ".weba",
    "model/gltf-binary": ".glb",
    "application/json": ".json",
    "text/plain": ".txt",
}
OTHER_ENDING = ".bin"
# Of a file whose content is none of these.
OTHER_TYPE = "application/octet-stream"
# What a media type is written as, without parameters.
MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,60}")


def file_ending(media_type: str) -> str:
    """What the name of a file of this type ends in, with the dot; parameters and case do not count."""
    return FILE_ENDINGS.get(media_type.partition(";")[0].strip().lower(), OTHER_ENDING)


class MediaKind(StrEnum):
    """What a Save node leaves behind."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"
    ANIMATION = "animation"
    MODEL3D = "model3d"
    DRAWING = "drawing"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Measure:
    """A key of an answer that says something of a file: its name, its JSON type, and a sentence on it."""

    name: str
    json_type: Literal["integer", "number", "string"]
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """What is known of a kind.

    Attributes:
        output_class: the worker's class for an output of this kind, by which packages name it.
        media_type: what its files are, unless the node that saves them writes another type.
        measures: what is measured on a file of this kind.
    """

    output_class: str
    media_type: str
    measures: tuple[Measure, ...] = ()


# What stands in the place of a file that is delivered by URL.
ADDRESS_KEYS = (
    Measure("url", "string", "Where the file is, for a GET without a log-in."),
    Measure("expires_at", "string", "Until when the URL works (UTC)."),
)
# Of every file, whatever it is.
FILE_MEASURES = (
    Measure("media_type", "string", "The file's media type, told by its content."),
    Measure("bytes", "integer", "The file's size in bytes."),
    Measure("sha256", "string", "The file's sha256, in hexadecimal."),
)
_FRAMES = (
    Measure("width", "integer", "Width in pixels, measured on the decoded frames."),
    Measure("height", "integer", "Height in pixels, measured on the decoded frames."),
    Measure("frame_count", "integer", "Number of frames, counted while decoding."),
)


def media_facts(kind: MediaKind) -> MediaFacts:
    """What is known of a kind."""
    match kind:
        case MediaKind.VIDEO:
            seconds = Measure("duration_seconds", "number", "Frames by frame rate, in seconds, to two decimals.")
            return MediaFacts(output_class="Video", media_type="video/mp4", measures=(*_FRAMES, seconds))
        case MediaKind.IMAGE:
            sides = (
                Measure("width", "integer", "Width in pixels, measured on the decoded image."),
                Measure("height", "integer", "Height in pixels, measured on the decoded image."),
            )
            return MediaFacts(output_class="Image", media_type="image/png", measures=sides)
        case MediaKind.AUDIO:
            seconds = Measure("duration_seconds", "number", "Length in seconds, measured on the decoded samples.")
            return MediaFacts(output_class="Audio", media_type="audio/flac", measures=(seconds,))
        case MediaKind.ANIMATION:
            seconds = Measure("duration_seconds", "number", "The frames' own durations together, in seconds.")
            return MediaFacts(output_class="Animation", media_type="image/webp", measures=(*_FRAMES, seconds))
        case MediaKind.MODEL3D:
            return MediaFacts(output_class="Model3D", media_type="model/gltf-binary")
        case MediaKind.DRAWING:
            return MediaFacts(output_class="Drawing", media_type="image/svg+xml")
        case MediaKind.TEXT:
            return MediaFacts(output_class="Text", media_type="text/plain")


# What an image of an answer is encoded as on request.
ImageFormat: TypeAlias = Literal["png", "jpeg", "webp"]


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of files of an input: its name in requests and notes, in sentences, and as a media type."""

    name: str
    label: str
    media_type: str


def by_name(*formats: FileFormat) -> Mapping[str, FileFormat]:
    """A table of formats by their names."""
    return {one.name: one for one in formats}


# What an image of an input may be, and what one of an answer can be encoded as.
IMAGE_FORMATS = by_name(
    FileFormat("png", "PNG", "image/png"),
    FileFormat("jpeg", "JPEG", "image/jpeg"),
    FileFormat("webp", "WebP", "image/webp"),
)
