"""A package with a video as its input, compiled from a graph of ours, on the simulator: what it takes and refuses."""

# ruff: noqa: F811 - fixtures of another module
from __future__ import annotations

import base64
import random
import tempfile
import time
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.pipeline import Options, compile_graph
from comfy2runpod.simulator import Simulator
from comfy2runpod.write import write_package
from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.kinds.video import VideoInput
from comfy2runpod_runtime.inputs.kinds.video.decode import video_mp4
from tests.bad_videos import external, values
from tests.handlers import Handlers
from tests.video_files import MARKED, Clip, brightest, made, psnr, read, text_of

from .conftest import failure
from .refusals import check_refusal
from .test_image_inputs import left
from .test_image_urls import Server, public, server  # noqa: F401 - fixtures

GRAPH = Path(__file__).parent / "copy_video.json"
LIMITS = VideoInput(
    max_bytes=2_000_000, max_pixels=1_000_000, max_frames=60, max_seconds=10, formats=("mp4", "mov", "webm", "mkv")
)
REFUSED = values()
CLIP = Clip(size=(160, 96), frames=20, sound=("aac", 48000))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages") / "copy_video"
    write_package(compile_graph(GRAPH.read_bytes(), GRAPH.name, load_catalog(), Options()).files, folder)
    return folder


@pytest.fixture
def handler(package: Path, handler_of: Handlers) -> ModuleType:
    return handler_of(package)


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """The files that ComfyUI is given, as they are sent, with their names."""
    from comfy2runpod_runtime.comfyui.client import ComfyUIClient  # noqa: PLC0415

    files: list[tuple[str, bytes]] = []
    upload = ComfyUIClient.upload

    async def noted(self: ComfyUIClient, content: bytes, subfolder: str, name: str) -> None:
        files.append((f"{subfolder}/{name}", content))
        await upload(self, content, subfolder, name)

    monkeypatch.setattr(ComfyUIClient, "upload", noted)
    return files


async def run(handler: ModuleType, video: object) -> dict[str, Any]:
    return dict(await handler.handler({"id": "job-1", "input": {"video": video}}))


@pytest.mark.parametrize(
    "clip",
    [
        CLIP,
        Clip("mov", size=(96, 160), rate=Fraction(30), frames=31, sound=("pcm_s16le", 44100)),
        Clip("webm", "libvpx", size=(128, 128), rate=Fraction(25), frames=9),
        Clip("mkv", size=(160, 96), rotation=90, frames=10),
    ],
    ids=["mp4", "mov", "webm", "turned-mkv"],
)
async def test_the_answer_has_the_size_rate_and_length_of_the_callers_video(handler: ModuleType, clip: Clip) -> None:
    answer = await run(handler, text_of(made(clip)))
    assert "error" not in answer, answer
    saved = read(base64.b64decode(answer["video_out"]))
    size = clip.size[::-1] if clip.rotation else clip.size
    assert (answer["width"], answer["height"]) == saved.size == size
    assert answer["frame_count"] == len(saved.pictures) == clip.frames
    assert saved.rate == clip.rate
    assert answer["duration_seconds"] == round(float(clip.frames / clip.rate), 2)
    assert bool(saved.samples) == (clip.sound is not None)


@pytest.mark.parametrize(
    "head",
    [
        "",
        "data:video/mp4;base64,",
        "DATA:application/octet-stream;base64,",
        " ",
        # As browsers write what they record.
        "data:video/webm;codecs=vp8,opus;base64,",
        'data:video/webm;codecs="vp8, opus";base64,',
    ],
)
async def test_what_comfyui_is_given_is_written_anew_under_our_own_name(
    handler: ModuleType, received: list[tuple[str, bytes]], head: str
) -> None:
    data = made(CLIP)
    answer = await run(handler, head + text_of(data))
    assert "error" not in answer, answer
    name, content = received[0]
    assert name == f"comfy2runpod/{answer['prompt_id']}/video.mp4"
    given, got = read(data), read(content)
    assert psnr(given.pictures, got.pictures) >= 35
    assert brightest(got.pictures, got.size) == MARKED
    assert (got.size, got.rate, len(got.pictures)) == (given.size, given.rate, len(given.pictures))
    assert got.samples == given.samples


async def test_the_same_video_repeats_the_answer_and_another_does_not(handler: ModuleType) -> None:
    video = text_of(made(CLIP))
    first, again = [await run(handler, video) for _ in range(2)]
    other = await run(handler, text_of(made(Clip(size=(160, 96), frames=20, codec="mpeg4"))))
    assert first["video_out"] == again["video_out"] != other["video_out"]


async def test_nothing_of_a_video_is_left_in_comfyui(
    package: Path, handler: ModuleType, handler_of: Handlers, simulator: Simulator
) -> None:
    await run(handler, text_of(made(CLIP)))
    assert not any(left(simulator))
    reaching = handler_of(package, COMFYUI_INPUT_DIR=simulator._inputs.folder)
    before = left(simulator)
    assert "error" not in await run(reaching, text_of(made(CLIP)))
    assert left(simulator) == before


async def test_nothing_is_left_after_a_job_that_failed(
    handler: ModuleType, simulator: Simulator, received: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(simulator._engine), "_save", lambda *_: None)
    assert failure(await run(handler, text_of(made(CLIP))))["code"] == "output_missing"
    assert received
    assert not any(left(simulator))


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_no_such_video_is_refused_with_the_reason(
    handler: ModuleType, simulator: Simulator, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    value, reason = REFUSED[case]
    began = time.monotonic()
    queued, files = simulator.prompts_received, left(simulator)
    check_refusal(failure(await run(handler, value)), "video", reason)
    assert (simulator.prompts_received, left(simulator)) == (queued, files)
    assert list(tmp_path.iterdir()) == []
    assert time.monotonic() - began < 30


def test_a_reference_to_another_file_would_be_followed_if_it_were_not_forbidden() -> None:
    # The file of the case is one that FFmpeg itself follows, where it is allowed to.
    followed: list[str] = []

    def opened(url: str, *_: object) -> object:
        followed.append(url)
        raise OSError("not opened")

    options = {"enable_drefs": "1", "use_absolute_path": "1"}
    with pytest.raises(OSError, match="not opened"):
        av.open(BytesIO(external(b"/etc/passwd")), format="mov", options=options, io_open=opened)
    assert followed == ["/etc/passwd"]


def test_no_broken_file_is_more_than_refused() -> None:
    # Bytes changed at random in videos of every container: each is taken or refused, none is an error of ours.
    chance = random.Random(5)
    sound = [
        made(Clip(sound=("aac", 48000))),
        made(Clip("mov", "mjpeg", pixels="yuvj420p")),
        made(Clip("webm", "libvpx", sound=("libopus", 48000))),
        made(Clip("mkv", "libx265", options={"x265-params": "log-level=none"})),
        made(Clip("mkv", "libsvtav1")),
        made(Clip("mov", "prores_ks", pixels="yuv422p10le")),
    ]
    refused = 0
    for number in range(300):
        data = bytearray(sound[number % len(sound)])
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(12, len(data))] = chance.randrange(256)
        if number % 3 == 0:
            del data[chance.randrange(12, len(data)) :]
        try:
            video_mp4(bytes(data), LIMITS)
        except MediaRefused:
            refused += 1
    assert 100 < refused < 300


@pytest.mark.usefixtures("public")
async def test_a_video_is_fetched_over_https(package: Path, handler_of: Handlers, server: Server) -> None:
    server.files["/clip"] = made(CLIP)
    answer = await run(handler_of(package), f"{server.url}/to?url=/clip")
    assert (answer["frame_count"], answer["width"], answer["height"]) == (CLIP.frames, *CLIP.size)
    assert [request.headers["Accept"] for request in server.asked] == ["video/*"] * 2


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/page", "is a web page"),
        ("/large", "it is too large; at most 2 MB are allowed"),
        ("/endless", "it is too large; at most 2 MB are allowed"),
        ("/silent", "it took longer than 1.5 s"),
        ("/short", "the connection ended before the whole file had arrived"),
        ("/image.png", "is a PNG image"),
        ("/cut", "is not a complete MP4 video"),
        ("/to?url=https://169.254.169.254/latest/meta-data", "is not at a public address"),
        ("/to?url=file:///etc/passwd", "it redirects to a URL that is not https"),
    ],
)
async def test_a_fetch_that_fails_says_why(
    package: Path, handler_of: Handlers, server: Server, simulator: Simulator, path: str, reason: str
) -> None:
    server.files["/cut"] = made(CLIP)[:-100]
    queued, files = simulator.prompts_received, left(simulator)
    error = failure(await run(handler_of(package, FETCH_TIMEOUT_SECONDS="1.5"), server.url + path))
    assert error["code"] == "invalid_input"
    assert reason in str(error["details"])
    assert (simulator.prompts_received, left(simulator)) == (queued, files)


async def test_a_video_at_a_private_address_is_not_fetched(package: Path, handler_of: Handlers, server: Server) -> None:
    error = failure(await run(handler_of(package), f"{server.url}/clip"))
    assert "not at a public address" in str(error["details"])
    assert server.asked == []
