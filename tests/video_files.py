"""Real videos of every container and codec that PyAV's wheel encodes, with a mark in a frame and a tone as sound."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

# The frame with a white square, and where it is: rows and columns, in sixteenths of the size.
MARKED = 7
_SQUARE = slice(2, 6)


@dataclass(frozen=True)
class Clip:
    """A video to be made. `sound` is an encoder and its rate."""

    container: str = "mp4"
    codec: str = "libx264"
    size: tuple[int, int] = (64, 48)
    frames: int = 12
    rate: Fraction = Fraction(24)
    pixels: str = "yuv420p"
    sound: tuple[str, int] | None = None
    layout: str = "stereo"
    sound_seconds: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    muxer: Mapping[str, str] = field(default_factory=dict)
    # When each frame is shown, in thousandths of a second, at a variable rate.
    times: Sequence[int] | None = None
    rotation: int = 0
    aspect: Fraction | None = None
    subtitles: bool = False


_MUXERS = {"mp4": "mp4", "mov": "mov", "webm": "webm", "mkv": "matroska"}


def pictures(size: tuple[int, int], count: int) -> Iterator[Pixels]:
    """Frames with a texture that moves, each unlike the others; one is marked."""
    width, height = size
    down, across = np.mgrid[0:height, 0:width]
    texture = np.random.default_rng(1).integers(0, 24, (height, width, 3), dtype=np.uint8)
    for number in range(count):
        planes = [across * 160 // width + number * 3, down * 160 // height + 20, (across + down) // 2 % 120 + number]
        picture = np.clip(np.stack(planes, -1), 0, 200).astype(np.uint8) + np.roll(texture, number * 2, 1)
        if number == MARKED:
            picture[marked_place(size)] = 255
        yield picture


def marked_place(size: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns of the square in the marked frame."""
    width, height = size
    rows = slice(_SQUARE.start * height // 16, _SQUARE.stop * height // 16)
    return rows, slice(_SQUARE.start * width // 16, _SQUARE.stop * width // 16)


def made(clip: Clip) -> bytes:
    """The file."""
    with tempfile.TemporaryDirectory() as folder:
        # The muxer opens it again by its name, to put its index first.
        path = Path(folder) / "video"
        # SVT-AV1, run by root, leaves its thread at real-time priority: so it has its own, as in the simulator.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(_write, clip, path).result()
        return path.read_bytes()


def _write(clip: Clip, path: Path) -> None:
    with av.open(path, "w", format=_MUXERS[clip.container], options=dict(clip.muxer)) as container:
        video = container.add_stream(clip.codec, rate=clip.rate, options=dict(clip.options))
        video.width, video.height = clip.size
        video.pix_fmt = clip.pixels
        if clip.times is not None:
            video.codec_context.time_base = Fraction(1, 1000)
        if clip.aspect is not None:
            video.codec_context.sample_aspect_ratio = clip.aspect
        if clip.rotation:
            video.set_display_rotation(-clip.rotation)
        sound = None
        if clip.sound is not None:
            sound = container.add_stream(clip.sound[0], rate=clip.sound[1])
            sound.codec_context.layout = clip.layout
        for number, picture in enumerate(pictures(clip.size, clip.frames)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if clip.times is not None:
                frame.pts, frame.time_base = clip.times[number], Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _add_tone(container, sound, clip)


def _add_tone(container: Any, sound: Any, clip: Clip) -> None:
    rate = sound.rate
    seconds = float(clip.frames / clip.rate) if clip.sound_seconds is None else clip.sound_seconds
    wave = (0.3 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 440 / rate)).astype(np.float32)
    samples = np.stack([wave] * len(sound.codec_context.layout.channels))
    tone = av.AudioFrame.from_ndarray(samples, format="fltp", layout=clip.layout)
    tone.sample_rate, tone.pts = rate, 0
    size = sound.codec_context.frame_size or None
    resampler = av.AudioResampler(format=sound.format.name, layout=clip.layout, rate=rate, frame_size=size)
    for frame in [*resampler.resample(tone), *resampler.resample(None)]:
        container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


@dataclass(frozen=True)
class Read:
    """What LoadVideo would see of a file: its frames upright, its average rate, its sound."""

    container: str
    codecs: tuple[str, ...]
    pictures: list[Pixels]
    rate: Fraction
    seconds: float
    samples: int
    sound_rate: int
    channels: int
    times: list[Fraction]
    bits: int
    aspect: Fraction | None
    metadata: dict[str, str]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        height, width = self.pictures[0].shape[:2]
        return width, height


def read(data: bytes) -> Read:
    """Decodes a file whole."""
    with av.open(BytesIO(data)) as container:
        video = container.streams.video[0]
        frames = list(container.decode(video))
        pictures_of = [np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90)) for frame in frames]
        unit = Fraction(str(video.time_base))
        shape = str(video.sample_aspect_ratio)
        found = {
            "container": container.format.name,
            "codecs": tuple(stream.codec_context.name for stream in container.streams),
            "pictures": pictures_of,
            "rate": Fraction(str(video.average_rate)),
            "seconds": (container.duration or 0) / 1e6,
            "times": [(frame.pts - frames[0].pts) * unit for frame in frames if frame.pts is not None],
            "bits": max(part.bits for part in frames[0].format.components),
            "aspect": None if shape in ("None", "0/1", "0") else Fraction(shape),
            "metadata": dict(container.metadata),
        }
    with av.open(BytesIO(data)) as container:
        sounds = container.streams.audio
        heard = list(container.decode(sounds[-1])) if sounds else []
    return Read(
        **found,
        samples=sum(frame.samples for frame in heard),
        sound_rate=heard[0].sample_rate if heard else 0,
        channels=len(heard[0].layout.channels) if heard else 0,
    )


def psnr(one: Sequence[Pixels], other: Sequence[Pixels]) -> float:
    """The peak signal-to-noise ratio of the frame that differs most, in dB."""
    assert len(one) == len(other)
    errors = [np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(one, other, strict=True)]
    return float(10 * np.log10(255**2 / max(*errors, 1e-9)))


def brightest(found: Sequence[Pixels], size: tuple[int, int]) -> int:
    """The frame in which the marked place is brightest."""
    place = marked_place(size)
    return int(np.argmax([picture[place].mean() for picture in found]))


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


H264 = Clip()
# Each container with each codec that PyAV's wheel encodes for it and we take, and kinds of sound among them.
TAKEN: Mapping[str, Clip] = {
    "mp4-h264-aac": Clip(sound=("aac", 48000)),
    "mp4-h264-b-frames": Clip(options={"bf": "3"}, frames=24),
    "mp4-hevc": Clip(codec="libx265", options={"x265-params": "log-level=none"}, sound=("ac3", 48000)),
    "mp4-vp9-opus": Clip(codec="libvpx-vp9", sound=("libopus", 48000)),
    "mp4-av1-flac": Clip(codec="libsvtav1", sound=("flac", 48000)),
    "mp4-mpeg4-mp3": Clip(codec="mpeg4", sound=("libmp3lame", 44100)),
    "mp4-mjpeg": Clip(codec="mjpeg", pixels="yuvj420p"),
    "mp4-fragmented": Clip(muxer={"movflags": "frag_keyframe+empty_moov"}, sound=("aac", 48000)),
    "mp4-faststart": Clip(muxer={"movflags": "faststart"}, sound=("alac", 44100)),
    "mov-h264-pcm": Clip("mov", sound=("pcm_s16le", 44100)),
    "mov-hevc-pcm24": Clip("mov", "libx265", options={"x265-params": "log-level=none"}, sound=("pcm_s24le", 48000)),
    "mov-prores": Clip("mov", "prores_ks", pixels="yuv422p10le"),
    "mov-prores-4444": Clip("mov", "prores_ks", pixels="yuv444p10le"),
    "mov-mjpeg-422": Clip("mov", "mjpeg", pixels="yuvj422p"),
    "mov-mpeg4": Clip("mov", "mpeg4"),
    "webm-vp8-opus": Clip("webm", "libvpx", sound=("libopus", 48000)),
    "webm-vp9": Clip("webm", "libvpx-vp9"),
    "webm-av1": Clip("webm", "libsvtav1", sound=("libopus", 48000)),
    "webm-live": Clip("webm", "libvpx", muxer={"live": "1"}, sound=("libopus", 48000)),
    "mkv-h264-flac": Clip("mkv", sound=("flac", 44100)),
    "mkv-hevc": Clip("mkv", "libx265", options={"x265-params": "log-level=none"}, sound=("eac3", 48000)),
    "mkv-vp8": Clip("mkv", "libvpx"),
    "mkv-vp9": Clip("mkv", "libvpx-vp9"),
    "mkv-av1": Clip("mkv", "libsvtav1"),
    "mkv-mpeg4": Clip("mkv", "mpeg4"),
    "mkv-mjpeg-444": Clip("mkv", "mjpeg", pixels="yuvj444p"),
    "mkv-prores": Clip("mkv", "prores_ks", pixels="yuv422p10le"),
    "ntsc": Clip("mkv", rate=Fraction(24000, 1001), frames=30),
    "ntsc-mp4": Clip(rate=Fraction(30000, 1001), frames=30),
    "odd-h264": Clip(size=(65, 49), pixels="yuv444p"),
    "odd-vp9": Clip("webm", "libvpx-vp9", size=(65, 49)),
    "ten-bits": Clip(codec="libx265", pixels="yuv420p10le", options={"x265-params": "log-level=none"}),
    "ten-bits-av1": Clip(codec="libsvtav1", pixels="yuv420p10le"),
    "fine-colour": Clip(pixels="yuv444p"),
    "half-colour": Clip(pixels="yuv422p"),
    "full-range": Clip(pixels="yuvj420p"),
    "grey": Clip(codec="libx265", pixels="gray", options={"x265-params": "log-level=none"}),
    "one-frame": Clip(frames=1),
    "surround": Clip("mkv", sound=("flac", 48000), layout="5.1"),
    "one-channel": Clip(sound=("aac", 22050), layout="mono"),
    "high-rate": Clip("mkv", sound=("flac", 96000)),
    "odd-rate": Clip("mkv", sound=("flac", 37800)),
}
