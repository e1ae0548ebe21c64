"""What flows between nodes: sizes and lengths, never pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

from comfy2runpod.amounts import LARGEST_COUNT
from comfy2runpod_contract.json_types import Json


@dataclass(frozen=True, slots=True)
class Images:
    """A batch of images, or a video's frames; sizes in pixels."""

    width: int
    height: int
    frames: int


@dataclass(frozen=True, slots=True)
class Mask:
    """A batch of masks; sizes in pixels."""

    width: int
    height: int
    frames: int


@dataclass(frozen=True, slots=True)
class InputImage:
    """An image in the input folder: its size when it is upright, its frames, and whether it has alpha."""

    width: int
    height: int
    frames: int
    has_alpha: bool


@dataclass(frozen=True, slots=True)
class Latent:
    """A latent of `frames` by `rows` by `columns` cells; a cell is `cell` pixels wide and `stride` frames long.

    Of images `frames` is the batch; of videos `batch` says how many there are.
    """

    columns: int
    rows: int
    frames: int
    cell: int
    stride: int = 1
    batch: int = 1

    def decoded(self) -> Images:
        """The images that a VAE makes of it: the first frame stands alone, each further one for `stride`."""
        frames = self.batch * ((self.frames - 1) * self.stride + 1)
        return Images(self.columns * self.cell, self.rows * self.cell, frames)


@dataclass(frozen=True, slots=True)
class AudioLatent:
    """A latent of sound: `frames` at 25 a second."""

    frames: int


@dataclass(frozen=True, slots=True)
class AVLatent:
    """Image and sound together."""

    video: Latent
    audio: AudioLatent


@dataclass(frozen=True, slots=True)
class Sound:
    """Decoded sound."""

    seconds: float
    rate: int


@dataclass(frozen=True, slots=True)
class Clip:
    """A video before it is saved."""

    images: Images
    fps: float
    sound: Sound | None


@dataclass(frozen=True, slots=True)
class Shape:
    """A 3D model."""


@dataclass(frozen=True, slots=True)
class Sigmas:
    """A schedule of so many steps."""

    steps: int


@dataclass(frozen=True, slots=True)
class Conditioning:
    """Conditioning, with the frames at which guides of LTXVAddGuide begin: their latent frames are cropped again."""

    guides: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Opaque:
    """A model, a VAE, a sampler: what it is does not change any size."""

    type: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A plain value."""

    value: Json


Value: TypeAlias = (
    Images
    | Mask
    | InputImage
    | Latent
    | AudioLatent
    | AVLatent
    | Sound
    | Clip
    | Shape
    | Sigmas
    | Conditioning
    | Opaque
    | Constant
)


def limited(value: Value) -> Value:
    """The value, each side, count and length in it within `LARGEST_COUNT`, so that chains of nodes stay quick.

    Raises:
        ValueError: a length or a rate is NaN or infinite.
    """
    match value:
        case Images(width, height, frames):
            return Images(_count(width), _count(height), _count(frames))
        case Mask(width, height, frames):
            return Mask(_count(width), _count(height), _count(frames))
        case Latent():
            return _limited_latent(value)
        case AudioLatent(frames):
            return AudioLatent(_count(frames))
        case AVLatent(video, audio):
            return AVLatent(_limited_latent(video), AudioLatent(_count(audio.frames)))
        case Sound():
            return _limited_sound(value)
        case Clip(images, fps, sound):
            whole = Images(_count(images.width), _count(images.height), _count(images.frames))
            return Clip(whole, _finite(fps), None if sound is None else _limited_sound(sound))
        case Sigmas(steps):
            return Sigmas(_count(steps))
        case Conditioning() | InputImage() | Shape() | Opaque() | Constant():
            return value


def _limited_latent(latent: Latent) -> Latent:
    columns, rows, frames = _count(latent.columns), _count(latent.rows), _count(latent.frames)
    return replace(latent, columns=columns, rows=rows, frames=frames, batch=_count(latent.batch))


def _limited_sound(sound: Sound) -> Sound:
    return Sound(max(-LARGEST_COUNT, min(_finite(sound.seconds), LARGEST_COUNT)), _count(sound.rate))


def _count(number: int) -> int:
    return max(-LARGEST_COUNT, min(number, LARGEST_COUNT))


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("a length or a rate is no finite number")
    return number


class NodeError(Exception):
    """A node that fails as the real one would: the exception's type as Python names it, and its message."""

    def __init__(self, exception_type: str, message: str) -> None:
        super().__init__(message)
        self.exception_type = exception_type
        self.message = message
