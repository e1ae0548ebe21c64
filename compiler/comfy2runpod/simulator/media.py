"""Placeholder media of a given size, length and rate: real files, marked as simulated on every image."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias, cast

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from comfy2runpod.ir.prompt import Prompt
from comfy2runpod.shapes.values import Clip, Images, NodeError, Sound

# What a file tells beside its media, by key.
Notes: TypeAlias = Mapping[str, str]

# By a file's ending: encoder, layout and sample format.
_SOUNDS = {
    "flac": ("flac", "stereo", "s16"),
    "mp3": ("libmp3lame", "stereo", "fltp"),
    "opus": ("libopus", "stereo", "flt"),
}
_EXIF_MODEL = 0x0110
_BAR = 8
_SAMPLES = 1024


def fingerprint(prompt: Prompt) -> bytes:
    """Returns the fingerprint of a prompt from which its media are generated: all of it but the output file names."""
    content = {
        node_id: [node.class_type, {k: v for k, v in node.inputs.items() if k != "filename_prefix"}]
        for node_id, node in prompt.items()
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def preview(mark: bytes, step: int, steps: int) -> bytes:
    """Returns a JPEG of what a sampler has after a step."""
    image = _image(256, 256, mark)
    ImageDraw.Draw(image).rectangle((0, 248, 256 * step // steps, 256), fill=(235, 235, 235))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95)
    return file.getvalue()


def save_image(images: Images, index: int, mark: bytes, path: Path, notes: Notes) -> None:
    """Writes one PNG of a batch, with the notes as texts."""
    info = PngInfo()
    for key, text in notes.items():
        info.add_text(key, text)
    _image(images.width, images.height, hashlib.sha256(mark + bytes([index % 256])).digest()).save(path, pnginfo=info)


def save_animation(images: Images, fps: float, mark: bytes, path: Path, notes: Notes) -> None:
    """Writes an animated PNG or WebP, by the file name extension, with a moving bar.

    A PNG has the notes in a chunk of ComfyUI's own, a WebP in EXIF, as the camera's model.

    Raises:
        NodeError: the rate is none.
    """
    if fps <= 0:
        raise NodeError("ZeroDivisionError", "float division by zero")
    frames = [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in _frames(images, mark)]
    info, exif = PngInfo(), Image.Exif()
    for key, text in notes.items():
        info.add(b"comf", f"{key}\0{text}".encode("latin-1"), after_idat=True)
        exif[_EXIF_MODEL] = f"{key}:{text}"
    told: dict[str, Any] = {"pnginfo": info} if path.suffix == ".png" else {"exif": exif} if notes else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=int(1000 / fps), lossless=True, **told)


def save_sound(sound: Sound, mark: bytes, path: Path, notes: Notes) -> None:
    """Writes a tone as a flac, mp3 or ogg (Opus) file, by the file name extension, with the notes as comments.

    Raises:
        NodeError: the encoder refuses the rate or the length, as it would on the real server.
    """
    codec, layout, kind = _SOUNDS[path.suffix.removeprefix(".")]
    # The real node resamples to this rate, which only Opus needs.
    rate = 48000 if codec == "libopus" else sound.rate
    try:
        with av.open(path, "w") as container:
            container.metadata.update(notes)
            stream = cast(av.AudioStream, container.add_stream(codec, rate=rate))
            stream.layout = "stereo"
            resampler = av.AudioResampler(format=kind, layout=layout, rate=rate)
            for samples in _samples(sound.seconds, rate, mark):
                for frame in resampler.resample(samples):
                    container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except (av.FFmpegError, ValueError, OverflowError) as error:
        raise NodeError(f"{type(error).__module__}.{type(error).__name__}", str(error)) from error


def save_shape(mark: bytes, path: Path, notes: Notes) -> None:
    """Writes a GLB of one triangle, named as simulated, with the notes as extras."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, mark[0] / 255]], np.float32)
    binary = corners.tobytes()
    scene = {
        "asset": {
            "version": "2.0",
            "generator": "comfy2runpod simulator",
            **({"extras": dict(notes)} if notes else {}),
        },
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "SIMULATED: no model was run", "mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": 5126,
                "count": 3,
                "type": "VEC3",
                "min": corners.min(0).tolist(),
                "max": corners.max(0).tolist(),
            }
        ],
        "bufferViews": [{"buffer": 0, "byteLength": len(binary)}],
        "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


def save_video(clip: Clip, mark: bytes, path: Path, notes: Notes, codec: str = "libx264") -> None:
    """Writes an mp4 or webm, by the file name extension, with audio if there is any: an image with a moving bar.

    The notes are tags of the container.

    Raises:
        NodeError: the encoder refuses the size or the rate, as it would on the real server.
    """
    # SVT-AV1, run by root, gives the thread that calls it the highest real-time priority (SCHED_FIFO) for good, and so
    # every process that it starts: a thread of its own ends with it.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_write_video, clip, mark, path, notes, codec).result()


def _write_video(clip: Clip, mark: bytes, path: Path, notes: Notes, codec: str) -> None:
    rate = Fraction(round(clip.fps * 1000), 1000)
    options = {"preset": "ultrafast", "tune": "zerolatency"} if codec == "libx264" else {"cpu-used": "8"}
    try:
        # Without the flag, an MP4 would have only tags that its format names.
        tags = {"movflags": "use_metadata_tags"} if notes and path.suffix == ".mp4" else {}
        with av.open(path, "w", options=tags) as container:
            container.metadata.update(notes)
            video = cast(av.VideoStream, container.add_stream(codec, rate=rate, options=options))
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


def _frames(images: Images, mark: bytes) -> Iterator[av.VideoFrame]:
    pixels = np.asarray(_image(images.width, images.height, mark))
    if images.width % 2 or images.height % 2:
        # The planes of yuv420p, which are quicker to draw on, have no array at an odd width or height.
        yield from (_frame(_with_bar(pixels, images, index), "rgb24", index) for index in range(images.frames))
        return
    still = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
    base = still.to_ndarray().astype(np.uint8, copy=False)
    yield from (_frame(_with_bar(base, images, index), "yuv420p", index) for index in range(images.frames))


def _with_bar(pixels: npt.NDArray[np.uint8], images: Images, index: int) -> npt.NDArray[np.uint8]:
    image = pixels.copy()
    left = index * max(1, images.width - _BAR) // max(1, images.frames - 1)
    # In two shades: a bar has fewer places than a long video frames, and files of animations join those that are equal.
    image[: images.height, left : left + _BAR] = 235 - 16 * (index % 2)
    return image


def _frame(pixels: npt.NDArray[np.uint8], form: str, index: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pixels, format=form)
    frame.pts = index
    return frame


def _samples(seconds: float, rate: int, mark: bytes) -> Iterator[av.AudioFrame]:
    total = round(seconds * rate)
    pitch = 220 + mark[0]
    for start in range(0, total, _SAMPLES):
        at = np.arange(start, min(start + _SAMPLES, total))
        part = (0.2 * np.sin(2 * np.pi * pitch * at / rate)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(np.stack([part, part]), format="fltp", layout="stereo")
        frame.sample_rate = rate
        frame.pts = start
        yield frame


def _image(width: int, height: int, mark: bytes) -> Image.Image:
    """Draws a gradient of two colours from the fingerprint, with the word SIMULATED."""
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    first, second = np.array(list(mark[:3]), np.float32), np.array(list(mark[3:6]), np.float32)
    pixels = np.empty((height, width, 3), np.uint8)
    for row, down in enumerate(np.linspace(0, 1, height, dtype=np.float32)):
        pixels[row] = (40 + (first * across + second * down) * 0.35)[0]
    image = Image.fromarray(pixels, "RGB")
    draw = ImageDraw.Draw(image)
    size = max(8, min(width // 8, height // 4))
    draw.text((width // 16, height // 8), "SIMULATED", fill=(255, 255, 255), font=ImageFont.load_default(size))
    small = ImageFont.load_default(max(6, size // 3))
    text = f"{width} x {height}  {mark.hex()[:12]}\nno model was run"
    draw.text((width // 16, height // 8 + size * 3 // 2), text, fill=(255, 255, 255), font=small)
    return image
