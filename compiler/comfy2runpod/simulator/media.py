"""Placeholder media of a given size, length and rate: real files, marked as simulated on every picture."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from comfy2runpod.ir.prompt import Prompt
from comfy2runpod.simulator.values import Clip, Images, NodeError, Sound

_BAR = 8
_SAMPLES = 1024


def fingerprint(prompt: Prompt) -> bytes:
    """What a prompt's media are drawn from: all of it but the names of the files it saves."""
    content = {
        node_id: [node.class_type, {k: v for k, v in node.inputs.items() if k != "filename_prefix"}]
        for node_id, node in prompt.items()
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def save_image(images: Images, index: int, mark: bytes, path: Path) -> None:
    """One PNG of a batch."""
    _picture(images.width, images.height, hashlib.sha256(mark + bytes([index % 256])).digest()).save(path)


def save_video(clip: Clip, mark: bytes, path: Path) -> None:
    """An mp4 (h264, and aac if there is sound): a picture with a bar that moves over it.

    Raises:
        NodeError: the encoder refuses the size or the rate, as it would on the real server.
    """
    rate = Fraction(round(clip.fps * 1000), 1000)
    try:
        with av.open(path, "w", format="mp4") as container:
            video = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "tune": "zerolatency"})
            video.width, video.height = clip.images.width, clip.images.height
            video.pix_fmt = "yuv420p"
            sound = _sound_stream(container, clip.sound)
            for frame in _frames(clip.images, mark):
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            if sound is not None and clip.sound is not None:
                seconds = min(clip.sound.seconds, clip.images.frames / clip.fps)
                for samples in _samples(seconds, clip.sound.rate, mark):
                    container.mux(sound.encode(samples))
                container.mux(sound.encode(None))
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise NodeError(f"{type(error).__module__}.{type(error).__name__}", str(error)) from error


def _sound_stream(container: av.container.OutputContainer, sound: Sound | None) -> av.AudioStream | None:
    if sound is None:
        return None
    stream = container.add_stream("aac", rate=sound.rate)
    stream.layout = "stereo"
    return stream


def _frames(images: Images, mark: bytes) -> list[av.VideoFrame]:
    pixels = np.asarray(_picture(images.width, images.height, mark))
    still = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
    base = still.to_ndarray()
    frames = []
    for index in range(images.frames):
        picture = base.copy()
        left = index * max(1, images.width - _BAR) // max(1, images.frames - 1)
        picture[: images.height, left : left + _BAR] = 235
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = index
        frames.append(frame)
    return frames


def _samples(seconds: float, rate: int, mark: bytes) -> list[av.AudioFrame]:
    total = round(seconds * rate)
    pitch = 220 + mark[0]
    wave = (0.2 * np.sin(2 * np.pi * pitch * np.arange(total) / rate)).astype(np.float32)
    frames = []
    for start in range(0, total, _SAMPLES):
        part = wave[start : start + _SAMPLES]
        frame = av.AudioFrame.from_ndarray(np.stack([part, part]), format="fltp", layout="stereo")
        frame.sample_rate = rate
        frame.pts = start
        frames.append(frame)
    return frames


def _picture(width: int, height: int, mark: bytes) -> Image.Image:
    """A two-coloured slope with the word on it, drawn from the prompt's fingerprint."""
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    first, second = np.array(list(mark[:3]), np.float32), np.array(list(mark[3:6]), np.float32)
    pixels = (40 + (first * across + second * down) * 0.35).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(np.broadcast_to(pixels, (height, width, 3))), "RGB")
    draw = ImageDraw.Draw(picture)
    size = max(8, min(width // 8, height // 4))
    draw.text((width // 16, height // 8), "SIMULATED", fill=(255, 255, 255), font=ImageFont.load_default(size))
    small = ImageFont.load_default(max(6, size // 3))
    text = f"{width} x {height}  {mark.hex()[:12]}\nno model was run"
    draw.text((width // 16, height // 8 + size * 3 // 2), text, fill=(255, 255, 255), font=small)
    return picture
