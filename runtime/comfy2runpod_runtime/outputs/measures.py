"""What is measured on a file, as an answer tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from comfy2runpod_contract.json_types import JsonObject


class Measures(Protocol):
    """What a kind of output measures; one that measures something else has a class of its own in its module."""

    @property
    def media_type(self) -> str:
        """What the content is, such as image/png."""
        ...

    def to_json(self) -> JsonObject:
        """The measured fields of an answer: those that the contract's `MediaFacts.measures` declare."""
        ...


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
