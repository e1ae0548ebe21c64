"""Images that are encoded in another format: what they told goes along, or nothing of it does."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Images
from PIL.PngImagePlugin import PngInfo

from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.outputs.image import Image

NOTES = {
    "prompt": json.dumps({"1": {"class_type": "SaveImage", "inputs": {"text": "a cat: é \U0001f408"}}}),
    "workflow": json.dumps({"nodes": [], "extra": {"frontendVersion": "1.43.18"}}),
}
FORMATS = ("png", "jpeg", "webp")


def options(kind: str, *, keep: bool) -> RequestOptions:
    return RequestOptions(("image",), False, False, kind, None, None, keep)  # type: ignore[arg-type]


def written(path: Path, kind: str, notes: dict[str, str]) -> Path:
    """As ComfyUI writes a PNG and, in EXIF, a WebP."""
    pixels = np.random.default_rng(3).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    info, exif, tag = PngInfo(), Images.Exif(), 0x010F
    for key, text in notes.items():
        info.add_text(key, text)
        exif[0x0110 if key == "prompt" else tag] = f"{key}:{text}"
        tag -= key != "prompt"
    told: dict[str, Any] = {"pnginfo": info} if kind == "png" else {"exif": exif}
    Images.fromarray(pixels).save(path, kind.upper(), **told)
    return path


def read(path: Path) -> dict[str, Any]:
    with Images.open(path) as image:
        image.load()
        if image.format == "PNG":
            return {key: json.loads(text) for key, text in image.text.items()}
        texts = [value for value in image.getexif().values() if isinstance(value, str)]
    return {key: json.loads(text) for key, _, text in (text.partition(":") for text in texts)}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_kept_notes_are_equal_in_each_format(tmp_path: Path, source: str, kind: str) -> None:
    # EXIF has ASCII alone, and ComfyUI writes JSON in it.
    path = written(tmp_path / "a.png", source, NOTES)
    target, measures = Image("image", "9", media_type=f"image/{source}").prepared(path, options(kind, keep=True))
    assert (measures.media_type, read(target)) == (
        f"image/{kind}",
        {key: json.loads(text) for key, text in NOTES.items()},
    )


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_notes_that_are_not_kept_are_gone(tmp_path: Path, source: str, kind: str) -> None:
    path = written(tmp_path / "a.png", source, NOTES)
    with Images.open(path) as image:
        # Pillow copies XMP and EXIF of an image that it opened into some formats.
        image.load()
        image.save(path, image.format, exif=image.getexif(), xmp=b"<x:xmpmeta>prompt class_type</x:xmpmeta>")
    target, _ = Image("image", "9", media_type=f"image/{source}").prepared(path, options(kind, keep=False))
    assert not [text for text in (b"class_type", b"prompt", b"workflow", b"1.43.18") if text in target.read_bytes()]


def test_a_jpeg_keeps_what_it_has_room_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    long = json.dumps(["x" * 70_000])
    path = written(tmp_path / "a.png", "png", {**NOTES, "workflow": long})
    target, _ = Image("image", "9").prepared(path, options("jpeg", keep=True))
    assert read(target) == {"prompt": json.loads(NOTES["prompt"])}
    assert "the JPEG lacks all metadata but the prompt" in caplog.text
    target, _ = Image("image", "9").prepared(written(path, "png", {"prompt": long}), options("jpeg", keep=True))
    assert read(target) == {}
    assert "the JPEG lacks its metadata" in caplog.text
