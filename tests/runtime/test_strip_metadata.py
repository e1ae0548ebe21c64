"""The metadata that ComfyUI writes into a file is removed from an answer, and nothing else."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.outputs.strip_metadata import stripped

Write = Callable[[Path, str], None]


def frames(count: int = 3) -> list[Image.Image]:
    noise = np.random.default_rng(3)
    return [Image.fromarray(noise.integers(0, 255, (48, 64, 3), dtype=np.uint8)) for _ in range(count)]


def png(path: Path, prompt: str) -> None:
    info = PngInfo()
    if prompt:
        info.add_text("prompt", prompt)
    frames(1)[0].save(path, "PNG", pnginfo=info)


def animated_png(path: Path, prompt: str) -> None:
    info = PngInfo()
    if prompt:
        info.add(b"comf", b"prompt\0" + prompt.encode(), after_idat=True)
    first, *rest = frames()
    first.save(path, "PNG", pnginfo=info, save_all=True, append_images=rest, duration=125)


def webp(path: Path, prompt: str) -> None:
    first, *rest = frames()
    exif = first.getexif()
    exif[0x0110] = f"prompt:{prompt}"
    notes = {"exif": exif} if prompt else {}
    first.save(path, "WEBP", **notes, save_all=True, append_images=rest, duration=125, lossless=True)


def glb(path: Path, prompt: str) -> None:
    asset = {"version": "2.0", **({"extras": {"prompt": prompt}} if prompt else {})}
    text = json.dumps({"asset": asset, "buffers": [{"byteLength": 8}]}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", 8, b"BIN\0") + b"12345678"
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body)


def moving(kind: str, video: str, audio: str) -> Write:
    def write(path: Path, prompt: str) -> None:
        options = {"movflags": "use_metadata_tags"} if kind == "mp4" else {}
        with av.open(path, "w", format=kind, options=options) as out:
            if prompt:
                out.metadata["prompt"] = prompt
            images = out.add_stream(video, rate=24) if video else None
            sound = out.add_stream(audio, rate=48000, layout="stereo") if audio else None
            if isinstance(images, av.VideoStream):
                images.width, images.height, images.pix_fmt = 64, 48, "yuv420p"
                for image in frames(9):
                    out.mux(images.encode(av.VideoFrame.from_image(image)))
                out.mux(images.encode())
            if isinstance(sound, av.AudioStream):
                samples = np.random.default_rng(3).normal(0, 0.1, (2, 18000)).astype(np.float32)
                frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
                frame.sample_rate = 48000
                resampler = av.AudioResampler(format=sound.format.name, layout="stereo", rate=48000)
                for part in resampler.resample(frame):
                    out.mux(sound.encode(part))
                out.mux(sound.encode())

    return write


KINDS: list[tuple[str, str, Write]] = [
    ("a.png", "image/png", png),
    ("b.png", "image/png", animated_png),
    ("c.webp", "image/webp", webp),
    ("d.mp4", "video/mp4", moving("mp4", "libx264", "aac")),
    ("e.webm", "video/webm", moving("webm", "libvpx-vp9", "")),
    ("f.flac", "audio/flac", moving("flac", "", "flac")),
    ("g.mp3", "audio/mpeg", moving("mp3", "", "libmp3lame")),
    ("h.opus", "audio/ogg", moving("ogg", "", "libopus")),
    ("i.glb", "model/gltf-binary", glb),
]
PROMPT = json.dumps({"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "comfy2runpod/%s"}}})


def shown(path: Path) -> list[tuple[object, ...]]:
    """Each frame and each piece of sound: when, and what."""
    if path.suffix == ".glb":
        return [(path.read_bytes()[-16:],)]
    if path.suffix in (".png", ".webp"):
        with Image.open(path) as image:
            return [
                (frame.info.get("duration"), frame.convert("RGBA").tobytes()) for frame in ImageSequence.Iterator(image)
            ]
    with av.open(path) as container:
        rates = [(stream.average_rate,) for stream in container.streams.video]
        parts = [
            (type(frame).__name__, frame.time, frame.to_ndarray().tobytes())
            for frame in container.decode()
            if isinstance(frame, av.VideoFrame | av.AudioFrame)
        ]
        return [*rates, *sorted(parts, key=lambda part: part[:2])]


@pytest.mark.parametrize(("name", "media_type", "write"), KINDS, ids=[name for name, _, _ in KINDS])
def test_the_prompt_is_gone_and_nothing_else(tmp_path: Path, name: str, media_type: str, write: Write) -> None:
    one, other = tmp_path / f"1{name}", tmp_path / f"2{name}"
    write(one, PROMPT % "one")
    write(other, PROMPT % "another")
    assert one.read_bytes() != other.read_bytes()
    clean = stripped(one, media_type)
    assert clean != one
    assert b"class_type" not in clean.read_bytes()
    assert clean.read_bytes() == stripped(other, media_type).read_bytes(), "the same image is the same file"
    assert shown(clean) == shown(one)


@pytest.mark.parametrize(("name", "media_type", "write"), KINDS, ids=[name for name, _, _ in KINDS])
def test_a_file_without_a_prompt_stays_as_it_is(tmp_path: Path, name: str, media_type: str, write: Write) -> None:
    write(tmp_path / name, "")
    before = (tmp_path / name).read_bytes()
    assert stripped(tmp_path / name, media_type) == tmp_path / name
    assert (tmp_path / name).read_bytes() == before


def test_a_model_without_an_asset_is_reported_as_broken(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 24) + struct.pack("<I4s", 4, b"JSON") + b"{}  ")
    with pytest.raises(OutputInvalid, match=r"a\.glb is not a whole gltf-binary file"):
        stripped(path, "model/gltf-binary")
