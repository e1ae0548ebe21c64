"""A video is written anew for LoadVideo: its frames, size, rate, duration and sound are the caller's."""

from __future__ import annotations

import asyncio
import os
from fractions import Fraction
from pathlib import Path

import pytest

from comfy2runpod_runtime.inputs.decoder_pool import DecodeLimits, DecoderPool
from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.kinds import VIDEO
from comfy2runpod_runtime.inputs.limits import VideoLimits
from comfy2runpod_runtime.inputs.videos import video_mp4
from tests.processes import below
from tests.video_files import MARKED, TAKEN, Clip, brightest, made, psnr, read

LIMITS = VideoLimits(2_000_000, 1_000_000, 60, 10, ("mp4", "mov", "webm", "mkv"))
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
    pool = DecoderPool(VIDEO, RULES)
    await pool.prepare()
    (process,) = [one for one in below(os.getpid()) if "decoder_process.py" in one.command]
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


async def test_a_refusal_comes_back_in_words() -> None:
    pool = DecoderPool(VIDEO, RULES)
    written = (await pool.decode(b"\x89PNG\r\n\x1a\n", LIMITS, 60)).written
    pool.close()
    assert isinstance(written, MediaRefused)
    assert str(written) == "is a PNG image; it must be an MP4, QuickTime, WebM or Matroska video"
