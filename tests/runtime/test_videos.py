"""A video is written anew for LoadVideo: its frames, size, rate, duration and sound are the caller's."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Annotated, ClassVar

import av
import pytest
from PIL import Image
from pydantic import BaseModel

from comfy2runpod_runtime.errors import InvalidInput
from comfy2runpod_runtime.inputs import decoder_pool
from comfy2runpod_runtime.inputs.decoder_pool import DecoderPool
from comfy2runpod_runtime.inputs.fetch import FetchPolicy
from comfy2runpod_runtime.inputs.file_input import DecodeLimits
from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.kinds.image import ImageInput
from comfy2runpod_runtime.inputs.kinds.video import VideoInput
from comfy2runpod_runtime.inputs.kinds.video.decode import video_mp4
from comfy2runpod_runtime.inputs.media_inputs import MediaInputLimits, load_media
from tests.bad_videos import many_track_entries, many_tracks
from tests.processes import started
from tests.video_files import MARKED, TAKEN, Clip, brightest, made, psnr, read, text_of

LIMITS = VideoInput(
    max_bytes=2_000_000, max_pixels=1_000_000, max_frames=60, max_seconds=10, formats=("mp4", "mov", "webm", "mkv")
)
RULES = DecodeLimits(cpu_seconds=60, seconds=240, memory_bytes=1_500_000_000)


@pytest.mark.parametrize("name", TAKEN)
def test_a_video_keeps_its_frames_size_rate_duration_and_sound(name: str) -> None:
    clip = TAKEN[name]
    data = made(clip)
    given, got = read(data), read(video_mp4(data, LIMITS))
    assert got.container == "mov,mp4,m4a,3gp,3g2,mj2"
    assert got.codecs == (("h264",) if clip.sound is None else ("h264", "aac"))
    assert (got.size, len(got.pictures)) == (clip.size, clip.frames) == (given.size, len(given.pictures))
    assert got.rate == given.rate == clip.rate
    assert abs(got.seconds - clip.frames / clip.rate) < 0.05
    assert got.bits == min(given.bits, 10)
    assert psnr(given.pictures, got.pictures) >= 35
    if clip.frames > MARKED:
        assert brightest(got.pictures, clip.size) == MARKED
    if clip.sound is not None:
        assert got.channels == given.channels
        rate = clip.sound[1] if name != "odd-rate" else 48000
        assert got.sound_rate == rate
        # A frame of the codec more at most.
        assert abs(got.samples / rate - given.samples / given.sound_rate) <= 1024 / rate
    assert "title" not in got.metadata


@pytest.mark.parametrize("tracks", [many_tracks, many_track_entries])
@pytest.mark.parametrize("count", [33, 999, 1001, 3000])
def test_a_file_of_many_streams_is_refused_for_them(tracks: Callable[[int], bytes], count: int) -> None:
    with pytest.raises(MediaRefused, match=rf"^holds {count:,} streams; at most 32 are allowed$"):
        video_mp4(tracks(count), replace(LIMITS, max_bytes=10_000_000))


@pytest.mark.parametrize("rotation", [90, 180, 270])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p"])
def test_a_turned_video_arrives_upright(rotation: int, pixels: str) -> None:
    data = made(Clip(size=(64, 48), pixels=pixels, rotation=rotation))
    given, got = read(data), read(video_mp4(data, LIMITS))
    assert got.size == ((48, 64) if rotation % 180 else (64, 48))
    assert given.size == got.size
    assert psnr(given.pictures, got.pictures) >= 35
    # It is the pixels that are turned: no note beside them says so any more.
    assert read(video_mp4(video_mp4(data, LIMITS), LIMITS)).size == got.size


@pytest.mark.parametrize("container", ["mp4", "mkv", "mov"])
def test_a_variable_rate_keeps_its_times(container: str) -> None:
    times = [0, 40, 80, 200, 210, 260, 500, 540, 580, 900, 940, 1000]
    data = made(Clip(container, times=times))
    given, got = read(data), read(video_mp4(data, LIMITS))
    assert len(got.pictures) == len(times)
    assert [round(float(time) * 1000) for time in got.times] == times
    if container != "mkv":
        # Matroska does not say how long the last frame is shown, so that nothing tells its average exactly.
        assert abs(float(got.rate) - float(given.rate)) < 0.02
    assert brightest(got.pictures, got.size) == MARKED


def test_pixels_that_are_not_square_stay_so() -> None:
    assert read(video_mp4(made(Clip(aspect=Fraction(4, 3))), LIMITS)).aspect == Fraction(4, 3)
    assert read(video_mp4(made(Clip(aspect=Fraction(4, 3), rotation=90)), LIMITS)).aspect == Fraction(3, 4)
    assert read(video_mp4(made(Clip(aspect=Fraction(4000, 3))), LIMITS)).aspect in (None, 1)


def test_sound_that_is_longer_or_shorter_than_the_frames_keeps_its_length() -> None:
    for seconds in (0.1, 2.0):
        got = read(video_mp4(made(Clip(sound=("aac", 48000), sound_seconds=seconds)), LIMITS))
        assert abs(got.samples / 48000 - seconds) <= 2048 / 48000
        assert len(got.pictures) == 12


async def test_a_video_is_decoded_in_a_process_of_its_own_without_threads() -> None:
    pool = DecoderPool(VideoInput.kind, RULES)
    await pool.prepare()
    process = started(os.getpid(), "decoder_process.py")
    assert " video " in process.command
    data = made(Clip(size=(320, 240), frames=60, codec="libx265", options={"x265-params": "log-level=none"}))
    task = asyncio.create_task(pool.decode(data, LIMITS, 60))
    threads = 0
    while not task.done():
        try:
            threads = max(threads, len(list(Path(f"/proc/{process.pid}/task").iterdir())))
        except OSError:
            break
        await asyncio.sleep(0.005)
    written = (await task).written
    pool.close()
    assert isinstance(written, bytes)
    assert len(read(written).pictures) == 60
    assert threads == 1


async def test_its_process_brings_pyav_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, real = tmp_path / "told.json", Path(decoder_pool.__file__).with_name("decoder_process.py")
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys\nsys.path[:0] = [{str(real.parent)!r}]\nimport decoder_process, json\n"
        "bound = decoder_process._apply_limits\n"
        "def noted(request):\n"
        f"    with open({str(told)!r}, 'w') as out:\n"
        "        json.dump(sorted({n.split('.')[0] for n in sys.modules}), out)\n"
        "    bound(request)\n"
        "decoder_process._apply_limits = noted\ndecoder_process.main()\n"
    )
    monkeypatch.setattr(decoder_pool, "PROGRAM", program)
    pool = DecoderPool(VideoInput.kind, RULES)
    assert isinstance((await pool.decode(made(Clip()), LIMITS, 60)).written, bytes)
    pool.close()
    brought = set(json.loads(told.read_text())) - set(sys.stdlib_module_names)
    assert "PIL" not in brought
    assert "numpy" not in brought
    assert "pydantic" not in brought
    assert "av" in brought


async def test_it_works_where_no_process_or_thread_may_be_started() -> None:
    # The limit holds for root alone if root gives itself up.
    code = (
        "import os, resource, sys\n"
        "from comfy2runpod_runtime.inputs.kinds.video import VideoInput\n"
        "from comfy2runpod_runtime.inputs.kinds.video.decode import video_mp4\n"
        "data = sys.stdin.buffer.read()\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))\n"
        "if os.getuid() == 0:\n    os.setgid(65534)\n    os.setuid(65534)\n"
        "try:\n    import threading\n    threading.Thread(target=print).start()\n"
        "except RuntimeError:\n    pass\nelse:\n    raise SystemExit('a thread was started')\n"
        "formats = ('mp4', 'mov', 'webm', 'mkv')\n"
        "limits = VideoInput(\n"
        "    max_bytes=2_000_000, max_pixels=1_000_000, max_frames=60, max_seconds=10, formats=formats\n"
        ")\n"
        "sys.stdout.buffer.write(video_mp4(data, limits))\n"
    )
    # Sound that is resampled, and colour that is converted: both would use threads.
    data = made(Clip("mkv", "libvpx-vp9", size=(321, 241), frames=8, sound=("flac", 37800)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    written, _ = await process.communicate(data)
    assert process.returncode == 0
    got = read(written)
    assert (got.size, len(got.pictures), got.sound_rate) == ((321, 241), 8, 48000)


class Little(VideoInput):
    """Limits with a smaller file to write."""

    most: ClassVar[int] = 0

    @property
    def max_written_bytes(self) -> int:
        return self.most


def test_what_is_hard_to_compress_becomes_coarser_and_what_is_too_large_is_refused() -> None:
    data = made(Clip(size=(320, 240), frames=48, options={"crf": "1"}))
    limits = Little(max_bytes=2_000_000, max_pixels=1_000_000, max_frames=60, max_seconds=10, formats=("mp4",))
    whole = len(video_mp4(data, LIMITS))
    Little.most = whole // 2
    coarser = video_mp4(data, limits)
    assert len(coarser) <= Little.most
    assert len(read(coarser).pictures) == 48
    Little.most = 2000
    with pytest.raises(MediaRefused, match="needs more than 2,000 bytes when it is written anew"):
        video_mp4(data, limits)


class Both(BaseModel):
    """A request with media of both kinds."""

    image: Annotated[str, ImageInput(max_bytes=2_000_000, max_pixels=1_000_000, max_aspect=40, formats=("png",))]
    video: Annotated[str, replace(LIMITS, formats=("mp4", "webm"))]
    other: Annotated[str | None, replace(LIMITS, formats=("webm",))] = None


async def test_images_and_videos_of_a_request_are_loaded_together() -> None:
    out = BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PNG")
    image, video = text_of(out.getvalue()), text_of(made(Clip()))
    pools = [DecoderPool(ImageInput.kind, RULES), DecoderPool(VideoInput.kind, RULES)]
    policy = MediaInputLimits(20_000_000, FetchPolicy(5))
    loaded = await load_media(Both(image=image, video=video), policy, pools)
    assert {name: file.ending for name, file in loaded.items()} == {"image": ".png", "video": ".mp4"}
    with pytest.raises(InvalidInput) as refused:
        await load_media(Both(image=video, video=image, other=video), policy, pools)
    for pool in pools:
        pool.close()
    assert {fault.field: fault.message for fault in refused.value.details} == {
        "image": "is a video; it must be a PNG image",
        "video": "is a PNG image; it must be an MP4 or WebM video",
        "other": "is an MP4 video; it must be a WebM video",
    }


async def test_a_refusal_comes_back_in_words() -> None:
    pool = DecoderPool(VideoInput.kind, RULES)
    written = (await pool.decode(b"\x89PNG\r\n\x1a\n", LIMITS, 60)).written
    pool.close()
    assert isinstance(written, MediaRefused)
    assert str(written) == "is a PNG image; it must be an MP4, QuickTime, WebM or Matroska video"


def remuxed(data: bytes, shift: dict[str, float], container: str = "mp4") -> bytes:
    """The same packets, each kind shown later by so many seconds, or earlier."""
    out = BytesIO()
    with av.open(BytesIO(data)) as source, av.open(out, "w", format=container) as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            later = round(shift.get(packet.stream.type, 0) / packet.time_base)
            packet.pts, packet.dts = (packet.pts or 0) + later, packet.dts + later
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    return out.getvalue()


def test_frames_that_an_edit_list_cuts_off_are_not_shown() -> None:
    # The first five frames are in the file, for the others to be decoded, and are before its beginning.
    data = remuxed(made(Clip(frames=24, options={"bf": "0"})), {"video": -5 / 24})
    given, got = read(data), read(video_mp4(data, LIMITS))
    assert len(given.pictures) == len(got.pictures) == 19
    assert psnr(given.pictures, got.pictures) >= 35
    assert brightest(got.pictures, got.size) == MARKED - 5


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_a_title_that_is_no_utf8_does_not_matter(container: str) -> None:
    out = BytesIO()
    with av.open(BytesIO(made(Clip()))) as source, av.open(out, "w", format=container) as target:
        target.metadata["title"] = "ABCDEFGH"
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.metadata["title"] = "STUVWXYZ"
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = out.getvalue()
    for title in (b"ABCDEFGH", b"STUVWXYZ"):
        assert title in data
        got = read(video_mp4(data.replace(title, b"\xe9\xff\xfe" + title[3:]), LIMITS))
        assert len(got.pictures) == 12
        assert "title" not in got.metadata


@pytest.mark.parametrize("later", [0.0, 0.5])
def test_sound_that_begins_later_than_the_frames_still_does(later: float) -> None:
    data = remuxed(made(Clip(frames=24, sound=("aac", 48000))), {"audio": later})
    starts = []
    for file in (data, video_mp4(data, LIMITS)):
        with av.open(BytesIO(file)) as container:
            starts.append(float(next(container.decode(audio=0)).time or 0))
    # A frame of the codec earlier at most.
    assert abs(starts[0] - later) < 0.03
    assert abs(starts[1] - starts[0]) < 0.03


def test_frames_that_begin_later_than_the_sound_begin_at_once() -> None:
    data = remuxed(made(Clip(frames=24, sound=("aac", 48000))), {"video": 0.5}, "matroska")
    got = read(video_mp4(data, LIMITS))
    assert (len(got.pictures), got.rate) == (24, 24)
    assert abs(got.samples - 48000) <= 2048
