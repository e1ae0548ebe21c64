"""The kinds of media that an output can be."""

from __future__ import annotations

from enum import StrEnum


class MediaKind(StrEnum):
    """What a Save node leaves behind."""

    VIDEO = "video"
    IMAGE = "image"
    AUDIO = "audio"
    ANIMATION = "animation"
    MODEL3D = "model3d"
    DRAWING = "drawing"
    TEXT = "text"
