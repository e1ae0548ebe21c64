"""The picture of a README: as the graph's author has it beside the graph, but for what it says besides its pixels."""

from __future__ import annotations

import json
import random
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from comfy2runpod.stages.emit.picture import MOST_BYTES, PictureRefused, readme_picture
from tests.cli.command import ROOT, comfy2runpod

SECRET = "a note's secret"
GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"


def drawn(mode: str, form: str, **more: object) -> bytes:
    """A picture with what ComfyUI and cameras write beside the pixels."""
    image = Image.new("RGB", (64, 48))
    image.putdata([(x * 4, y * 5, (x * y) % 256) for y in range(48) for x in range(64)])
    image = image.convert(mode)
    told = PngInfo()
    told.add_text("workflow", SECRET)
    told.add_itxt("prompt", SECRET, zip=False)
    exif = Image.Exif()
    exif[0x010E] = SECRET
    exif[0x9286] = SECRET
    beside = {"pnginfo": told, "exif": exif} if form == "PNG" else {"comment": SECRET, "exif": exif}
    file = BytesIO()
    image.save(file, form, **{**beside, **more})  # type: ignore[arg-type]
    return file.getvalue()


PICTURES = {
    "png": drawn("RGB", "PNG"),
    "png with a palette": drawn("P", "PNG"),
    "png with alpha": drawn("RGBA", "PNG"),
    "grey png of 1 bit": drawn("1", "PNG"),
    "jpeg": drawn("RGB", "JPEG"),
    "progressive jpeg": drawn("RGB", "JPEG", progressive=True),
    "grey jpeg": drawn("L", "JPEG"),
    "cmyk jpeg": drawn("CMYK", "JPEG"),
    "jpeg with restarts": drawn("RGB", "JPEG", restart_marker_rows=1),
    "jpeg with a profile": drawn("RGB", "JPEG", icc_profile=SECRET.encode() * 9000),
}


@pytest.mark.parametrize("name", PICTURES)
def test_its_pixels_stay_and_nothing_else(name: str) -> None:
    data = PICTURES[name]
    assert SECRET.encode() in data
    made = readme_picture(data + SECRET.encode())
    assert made.path == ("docs/picture.png" if "png" in name else "docs/picture.jpg")
    assert SECRET.encode() not in made.data
    assert len(made.data) < len(data)
    with Image.open(BytesIO(data)) as before, Image.open(BytesIO(made.data)) as after:
        assert (after.mode, after.size, list(after.getdata())) == (before.mode, before.size, list(before.getdata()))


@pytest.mark.parametrize("name", PICTURES)
def test_one_that_is_cut_off_is_refused(name: str) -> None:
    whole = readme_picture(PICTURES[name]).data
    for end in range(2, len(whole), 37):
        with pytest.raises(PictureRefused):
            readme_picture(whole[:end])


def test_any_bytes_are_refused_or_a_picture() -> None:
    chance = random.Random(7)
    for data in PICTURES.values():
        for _ in range(200):
            broken = bytearray(data)
            for _ in range(chance.randint(1, 8)):
                broken[chance.randrange(8, len(broken))] = chance.randrange(256)
            try:
                readme_picture(bytes(broken))
            except PictureRefused:
                continue


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither"), (b"GIF89a", "neither"), (b"<svg onload=evil()>", "neither"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * MOST_BYTES, "more than 2 MB"), (b"\xff\xd8", "cut off"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_with_the_reason(data: bytes, why: str) -> None:
    with pytest.raises(PictureRefused, match=why):
        readme_picture(data)


@pytest.mark.parametrize(
    ("ending", "kept"), [(".png", "picture.png"), (".jpg", "picture.jpg"), (".jpeg", "picture.jpg")]
)
def test_the_picture_beside_a_graph_is_in_its_packages_readme(tmp_path: Path, ending: str, kept: str) -> None:
    graph = tmp_path / "graph.json"
    graph.write_bytes(GRAPH.read_bytes())
    graph.with_suffix(ending).write_bytes(PICTURES["png" if ending == ".png" else "jpeg"])
    done = comfy2runpod("compile", graph, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    package = tmp_path / "out" / "t2i_klein_4b"
    assert f"](docs/{kept})" in (package / "README.md").read_text("utf-8")
    with Image.open(package / "docs" / kept) as image:
        assert image.size == (64, 48)
    assert f"docs/{kept}" in json.loads((package / ".comfy2runpod.json").read_text("utf-8"))["files"]


def test_one_that_cannot_be_shown_is_left_out_and_told(tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    graph.write_bytes(GRAPH.read_bytes())
    graph.with_suffix(".png").write_bytes(b"GIF89a")
    done = comfy2runpod("compile", graph, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "warning[picture-left-out]" in done.stderr
    assert "docs/picture" not in (tmp_path / "out" / "t2i_klein_4b" / "README.md").read_text("utf-8")
