"""A package with an image as its input, compiled from a graph of ours, on the simulator: what it takes and refuses."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image, ImageCms

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.simulator import Simulator
from comfy2runpod.write import write_package
from tests.faults.media import scans
from tests.handlers import Handlers

from .conftest import failure
from .images import chunk, drawn, film, opened, png, saved, text_of, turned
from .refusals import check_refusal

GRAPH = Path(__file__).parent / "scale_image.json"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages") / "scale_image"
    write_package(compile_graph(GRAPH.read_bytes(), GRAPH.name, load_catalog(), Options()).files, folder)
    return folder


@pytest.fixture
def handler(package: Path, handler_of: Handlers) -> ModuleType:
    return handler_of(package)


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that ComfyUI is given, as they are sent."""
    from comfy2runpod_runtime.comfyui.client import ComfyUIClient  # noqa: PLC0415

    files: list[bytes] = []
    upload = ComfyUIClient.upload

    async def noted(self: ComfyUIClient, content: bytes, subfolder: str, name: str) -> None:
        files.append(content)
        await upload(self, content, subfolder, name)

    monkeypatch.setattr(ComfyUIClient, "upload", noted)
    return files


async def run(handler: ModuleType, image: object, **more: object) -> dict[str, Any]:
    return dict(await handler.handler({"id": "job-1", "input": {"image": image, "megapixels": 0.1, **more}}))


def left(simulator: Simulator) -> list[int]:
    """The sizes of the files in ComfyUI's input folder."""
    # Only jobs' own: other tests share the simulator, and put files there by themselves.
    own = simulator._inputs.folder / "comfy2runpod"
    return [path.stat().st_size for path in own.rglob("*") if path.is_file()]


async def test_the_answer_has_the_size_that_the_images_own_implies(handler: ModuleType) -> None:
    answer = await run(handler, text_of(saved(drawn(size=(200, 120)))), megapixels=1)
    assert (answer["width"], answer["height"]) == opened(answer["image_out"]).size == (1328, 800)


async def test_the_longest_image_that_is_taken_can_be_made_as_small_as_may_be_asked(handler: ModuleType) -> None:
    answer = await run(handler, text_of(saved(Image.new("1", (4000, 100)))), megapixels=0.01)
    assert (answer["width"], answer["height"]) == (640, 16)


@pytest.mark.parametrize("head", ["", "data:image/png;base64,", "DATA:text/plain;charset=x;base64,", " "])
async def test_base64_and_data_urls_are_accepted(handler: ModuleType, received: list[bytes], head: str) -> None:
    assert "error" not in await run(handler, head + text_of(saved(drawn())))
    assert opened(text_of(received[0])).tobytes() == drawn().tobytes()


async def test_base64_may_be_broken_into_lines(handler: ModuleType, received: list[bytes]) -> None:
    text = text_of(saved(drawn()))
    lines = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    assert "error" not in await run(handler, lines)
    assert opened(text_of(received[0])).tobytes() == drawn().tobytes()


@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
@pytest.mark.parametrize("padding", [0, 1, 2])
async def test_base64_may_lack_its_padding_and_may_be_url_safe(
    handler: ModuleType, received: list[bytes], head: str, padding: int
) -> None:
    # A comment that makes the file as long as it takes for each padding.
    files = [saved(drawn(), "JPEG", comment=b"x" * more) for more in (1, 2, 3)]
    (text,) = [text for file in files if (text := text_of(file)).count("=") == padding]
    assert "+" in text or "/" in text
    urlsafe = text.replace("+", "-").replace("/", "_")
    for form in (text, text.rstrip("="), urlsafe, urlsafe.rstrip("=")):
        assert "error" not in await run(handler, head + form)
    # What ComfyUI was given each time, and the empty files that take the images' places.
    assert len(received) == 8
    assert len({file for file in received if file}) == 1


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (saved(drawn()), drawn()),
        (saved(drawn("RGBA")), drawn("RGBA")),
        (saved(drawn("RGBA"), "WEBP", lossless=True, exact=True), drawn("RGBA")),
        (saved(drawn(), "WEBP", lossless=True), drawn()),
        (saved(drawn("L")), drawn("L").convert("RGB")),
        (saved(drawn("LA")), drawn("LA").convert("RGBA")),
        (saved(drawn("1")), drawn("1").convert("RGB")),
        (saved(drawn("P")), drawn("P").convert("RGB")),
        (saved(drawn("P"), transparency=drawn("P").getpixel((0, 0))), drawn("P")),
        (saved(drawn("RGB"), transparency=(0, 0, 0)), drawn()),
        (
            saved(
                drawn("RGB"),
                pnginfo=None,
                icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
            ),
            drawn(),
        ),
    ],
    ids=[
        "rgb",
        "rgba",
        "webp-alpha",
        "webp",
        "grey",
        "grey-alpha",
        "one-bit",
        "palette",
        "palette-alpha",
        "key-colour",
        "profile",
    ],
)
async def test_an_image_arrives_pixel_for_pixel_without_metadata(
    handler: ModuleType, received: list[bytes], data: bytes, expected: Image.Image
) -> None:
    assert "error" not in await run(handler, text_of(data))
    got = opened(text_of(received[0]))
    assert got.format == "PNG"
    assert got.info == {}
    if "transparency" in opened(text_of(data)).info:
        assert got.mode == "RGBA"
        assert got.convert("RGB").tobytes() == opened(text_of(data)).convert("RGB").tobytes()
        assert 0 in got.getchannel("A").tobytes()
    else:
        assert (got.mode, got.tobytes()) == (expected.mode, expected.tobytes())


async def test_sixteen_bits_become_eight_without_clipping(handler: ModuleType, received: list[bytes]) -> None:
    rows = b"".join(b"\0" + b"".join((x * 4112).to_bytes(2, "big") for x in range(16)) for _ in range(16))
    assert "error" not in await run(handler, text_of(png(16, 16, 16, 0, rows)))
    assert list(opened(text_of(received[0])).getchannel("R").tobytes()[:16]) == [x * 16 for x in range(16)]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
async def test_exif_rotation_is_applied(
    handler: ModuleType, received: list[bytes], orientation: int, kind: str
) -> None:
    from PIL import ImageOps  # noqa: PLC0415

    data = turned(orientation, kind)
    assert "error" not in await run(handler, text_of(data))
    upright = ImageOps.exif_transpose(opened(text_of(data)))
    assert upright is not None
    got = opened(text_of(received[0]))
    assert (got.size, got.tobytes()) == (upright.size, upright.tobytes())


async def test_the_same_image_and_values_repeat_the_answer(handler: ModuleType) -> None:
    first, again = [await run(handler, text_of(saved(drawn()))) for _ in range(2)]
    other = await run(handler, text_of(saved(drawn("L"))))
    assert first["image_out"] == again["image_out"] != other["image_out"]
    assert first["prompt_id"] != again["prompt_id"]


async def test_nothing_of_an_image_is_left_in_comfyui(handler: ModuleType, simulator: Simulator) -> None:
    await run(handler, text_of(saved(drawn())))
    assert not any(left(simulator))


async def test_nothing_is_left_where_the_worker_reaches_the_input_folder(
    package: Path, handler_of: Handlers, simulator: Simulator
) -> None:
    handler = handler_of(package, COMFYUI_INPUT_DIR=simulator._inputs.folder)
    before = left(simulator)
    assert "error" not in await run(handler, text_of(saved(drawn())))
    assert left(simulator) == before


async def test_nothing_is_left_after_a_job_that_failed(
    handler: ModuleType, simulator: Simulator, received: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(simulator._engine), "_save", lambda *_: None)
    assert failure(await run(handler, text_of(saved(drawn()))))["code"] == "output_missing"
    assert received
    assert not any(left(simulator))


BIG = png(60_000, 60_000)
CUT = saved(drawn(size=(300, 300)), "JPEG")
WHOLE = saved(drawn(size=(100, 100)))
REFUSED: dict[str, tuple[object, str]] = {
    "not-a-text": (5, "must be a text, not 5"),
    "null": (None, "must be a text, not null"),
    "object": ({"url": "https://example.com"}, "must be a text, not an object"),
    "empty-text": ("", "must not be empty"),
    "a-name": ("cat.png", "is neither base64 nor a URL"),
    "a-path": ("/etc/passwd", "is neither base64 nor a URL"),
    "a-path-up": ("../../etc/passwd", "is neither base64 nor a URL"),
    "an-annotated-name": ("cat.png [output]", "is neither base64 nor a URL"),
    "a-windows-path": ("C:\\cat.png", "is a URL with an unsupported scheme"),
    "not-ascii": ("ÿÿÿÿ", "is neither base64 nor a URL"),
    "bad-padding": (text_of(WHOLE).rstrip("=") + "===", "is neither base64 nor a URL"),
    "padding-within": (text_of(WHOLE)[:80] + "==" + text_of(WHOLE)[80:], "is neither base64 nor a URL"),
    "one-character-too-many": (text_of(WHOLE).rstrip("=")[: 4 * 50] + "A", "is neither base64 nor a URL"),
    "two-alphabets": ("_-_-+/+/" * 20, "is neither base64 nor a URL"),
    "percent-signs": (text_of(WHOLE)[:80] + "%2B" + text_of(WHOLE)[83:], "is neither base64 nor a URL"),
    "data-url-without-base64": ("data:image/png,abc", "is a data URL that is not in base64"),
    "data-url-without-comma": ("data:image/png;base64", "is a data URL that is not in base64"),
    "data-url-empty": ("data:image/png;base64,", "is empty"),
    "data-url-bad": ("data:image/png;base64,&&&&", "is neither base64 nor a URL"),
    "spaces": ("   ", "is empty"),
    "file-url": ("file:///etc/passwd", "is a URL with an unsupported scheme"),
    "ftp-url": ("ftp://example.com/a.png", "is a URL with an unsupported scheme"),
    "blob-url": ("blob:https://example.com/1", "is a URL with an unsupported scheme"),
    "http-url": ("http://example.com/a.png", "the URL is not https"),
    "url-with-password": ("https://me:secret@example.com/a.png", "holds a user name or a password"),
    "url-without-host": ("https:///a.png", "the URL names no host"),
    "url-with-bad-port": ("https://example.com:99999999/a.png", "is not valid"),
    "url-too-long": ("https://example.com/" + "a" * 9000, "is longer than 8,192 characters"),
    "loopback": ("https://127.0.0.1/a.png", "is not at a public address"),
    "loopback-name": ("https://localhost/a.png", "is not at a public address"),
    "loopback-short": ("https://127.1/a.png", "is not at a public address"),
    "loopback-number": ("https://2130706433/a.png", "is not at a public address"),
    "loopback-hex": ("https://0x7f000001/a.png", "is not at a public address"),
    "loopback-octal": ("https://0177.0.0.1/a.png", "the URL is not valid"),
    "loopback-octal-number": ("https://017700000001/a.png", "is not at a public address"),
    "loopback-wide-digits": ("https://\uff11\uff12\uff17.0.0.1/a.png", "could not be fetched"),
    "loopback-6": ("https://[::1]/a.png", "is not at a public address"),
    "loopback-mapped": ("https://[::ffff:127.0.0.1]/a.png", "is not at a public address"),
    "loopback-nat64": ("https://[64:ff9b::7f00:1]/a.png", "is not at a public address"),
    "loopback-6to4": ("https://[2002:7f00:1::]/a.png", "is not at a public address"),
    "any": ("https://0.0.0.0/a.png", "is not at a public address"),
    "any-6": ("https://[::]/a.png", "is not at a public address"),
    "metadata": ("https://169.254.169.254/latest/meta-data", "is not at a public address"),
    "private-10": ("https://10.0.0.1/a.png", "is not at a public address"),
    "private-172": ("https://172.16.0.1/a.png", "is not at a public address"),
    "private-192": ("https://192.168.1.1/a.png", "is not at a public address"),
    "shared": ("https://100.64.0.1/a.png", "is not at a public address"),
    "azures-platform": ("https://168.63.129.16/machine", "is not at a public address"),
    "azures-platform-mapped": ("https://[::ffff:168.63.129.16]/machine", "is not at a public address"),
    "alibabas-metadata": ("https://100.100.100.200/latest/meta-data", "is not at a public address"),
    "amazons-metadata-6": ("https://[fd00:ec2::254]/latest/meta-data", "is not at a public address"),
    "documentation-6": ("https://[3fff::1]/a.png", "is not at a public address"),
    "link-local-6": ("https://[fe80::1]/a.png", "is not at a public address"),
    "unique-local-6": ("https://[fd00::1]/a.png", "is not at a public address"),
    "multicast": ("https://224.0.0.1/a.png", "is not at a public address"),
    "broadcast": ("https://255.255.255.255/a.png", "is not at a public address"),
    "no-such-host": ("https://nowhere.invalid/a.png", "its host has no address"),
    "gif": (text_of(saved(drawn("P"), "GIF")), "is a GIF"),
    "animated-gif": (text_of(film("GIF")), "is a GIF (which can hold several images)"),
    "animated-webp": (text_of(film("WEBP")), "is animated: it holds 3 images"),
    "animated-png": (text_of(film("PNG")), "is animated: it holds 3 images"),
    "bmp": (text_of(saved(drawn(), "BMP")), "is a BMP; it must be a PNG, JPEG or WebP image"),
    "tiff": (text_of(saved(drawn(), "TIFF")), "is a TIFF"),
    "svg": (text_of(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "is an SVG"),
    "web-page": (text_of(b"\n<!DOCTYPE html><html></html>"), "is a web page"),
    "pdf": (text_of(b"%PDF-1.7"), "is a PDF"),
    "zip": (text_of(b"PK\x03\x04"), "is a ZIP archive"),
    "video": (text_of(b"\0\0\0\x20ftypisom"), "is a video"),
    "heic": (text_of(b"\0\0\0\x20ftypheic"), "is a HEIC"),
    "plain-text": (text_of(b"hello, this is a text renamed .png"), "is not an image of a known format"),
    "png-signature-alone": (text_of(b"\x89PNG\r\n\x1a\n"), "is not a complete PNG image"),
    "jpeg-signature-alone": (text_of(b"\xff\xd8\xff"), "is not a complete JPEG image"),
    "webp-signature-alone": (text_of(b"RIFF\x04\0\0\0WEBP"), "is not a complete WebP image"),
    "cut-png": (text_of(WHOLE[: len(WHOLE) // 2]), "is not a complete PNG image"),
    "cut-png-at-the-end": (text_of(WHOLE[:-12]), "is not a complete PNG image"),
    "cut-jpeg": (text_of(CUT[: len(CUT) // 2]), "is not a complete JPEG image"),
    "cut-webp": (text_of(saved(drawn(), "WEBP")[:-20]), "is not a complete WebP image"),
    "bad-checksum": (text_of(WHOLE[:60] + bytes([WHOLE[60] ^ 1]) + WHOLE[61:]), "is not a complete PNG image"),
    "too-few-rows": (text_of(png(100, 100, data=b"\0" * 500)), "is not a complete PNG image"),
    "no-sides": (text_of(png(0, 0)), "is not a complete PNG image"),
    "bomb": (text_of(BIG), "60000x60000 has 3600.0 megapixels; at most 4 are allowed"),
    "bomb-in-text": (
        text_of(png(8, 8, 8, 2, b"\0" * 200, chunk(b"zTXt", b"a\0\0" + __import__("zlib").compress(b"x" * 9_000_000)))),
        "is not a complete PNG image",
    ),
    "many-chunks": (
        text_of(png(8, 8, 8, 2, b"\0" * 200, chunk(b"abCd", b"") * 9000)),
        "consists of more than 1,216 chunks or segments",
    ),
    "many-segments": (text_of(b"\xff\xd8" + b"\xff\xfe\0\2" * 9000 + CUT[2:]), "consists of more than"),
    "many-scans": (text_of(scans(1000, 1000, 900)), "is a JPEG of more than"),
    "many-pixels": (text_of(saved(Image.new("1", (2001, 2000)))), "2001x2000 has 4.002 megapixels; at most 4.0"),
    "long-side": (text_of(saved(Image.new("1", (16385, 1)))), "16385x1 is longer than 16,384 pixels on a side"),
    "long-and-thin": (
        text_of(saved(Image.new("1", (4001, 100)))),
        "4001x100 is too long and thin; a side may be 40 times",
    ),
    "many-bytes": (text_of(bytes(2_000_001)), "has 2,000,001 bytes; at most 2 MB are allowed"),
    "far-too-many-bytes": ("A" * 4_000_000, "has more than 2 MB, the largest size that is allowed"),
    "cmyk": (text_of(saved(drawn("CMYK"), "JPEG")), "is a CMYK image"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_any_other_file_is_refused_with_the_reason(
    handler: ModuleType, simulator: Simulator, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    value, reason = REFUSED[case]
    began = time.monotonic()
    queued, files = simulator.prompts_received, left(simulator)
    check_refusal(failure(await run(handler, value)), "image", reason)
    assert (simulator.prompts_received, left(simulator)) == (queued, files)
    assert list(tmp_path.iterdir()) == []
    assert time.monotonic() - began < 10


async def test_no_broken_file_is_more_than_refused(handler: ModuleType, simulator: Simulator) -> None:
    # Bytes changed at random in images of every format: each is taken or refused, none is an error of ours.
    from comfy2runpod_runtime.inputs.input_errors import MediaRefused  # noqa: PLC0415
    from comfy2runpod_runtime.inputs.kinds.image import ImageInput  # noqa: PLC0415
    from comfy2runpod_runtime.inputs.kinds.image.decode import image_png  # noqa: PLC0415

    limits = ImageInput(max_bytes=2_000_000, max_pixels=4_000_000, max_aspect=1000, formats=("png", "jpeg", "webp"))
    chance = random.Random(5)
    sound = [
        saved(drawn("RGBA")),
        saved(drawn("P")),
        saved(drawn(), "JPEG"),
        turned(6),
        saved(drawn(), "WEBP"),
        film("WEBP"),
    ]
    refused = 0
    for number in range(600):
        data = bytearray(sound[number % len(sound)])
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(12, len(data))] = chance.randrange(256)
        if number % 3 == 0:
            del data[chance.randrange(12, len(data)) :]
        try:
            image_png(bytes(data), limits)
        except MediaRefused:
            refused += 1
    assert 100 < refused < 600
