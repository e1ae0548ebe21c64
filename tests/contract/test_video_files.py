"""A video's container is told by its first bytes, whatever else is in the file."""

from __future__ import annotations

import base64
import random
from io import BytesIO

import av
import pytest
from av.video.stream import VideoStream

from comfy2runpod.fields.video.example import example_video
from comfy2runpod_contract.video_files import video_format, video_format_problem
from comfy2runpod_contract.video_inputs import VIDEO_FORMATS

MUXERS = {"mp4": "mp4", "mov": "mov", "webm": "webm", "mkv": "matroska"}
MP4 = base64.b64decode(example_video(["mp4"], 16, 2))


def _video(muxer: str) -> bytes:
    out = BytesIO()
    with av.open(out, "w", format=muxer) as file:
        stream = file.add_stream("libvpx" if muxer == "webm" else "mpeg4", rate=8)
        assert isinstance(stream, VideoStream)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        file.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        file.mux(stream.encode())
    return out.getvalue()


@pytest.mark.parametrize("form", VIDEO_FORMATS)
def test_each_container_is_detected_from_what_a_muxer_writes(form: str) -> None:
    data = _video(MUXERS[form])
    assert video_format(data) == form
    # It is the beginning that tells, not the end.
    assert video_format(data[:64]) == form


@pytest.mark.parametrize("muxer", ["avi", "mpegts"])
def test_other_containers_are_none(muxer: str) -> None:
    assert video_format(_video(muxer)) is None


def test_what_only_begins_like_a_video_is_none() -> None:
    for data in (b"", b"ftyp", b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif", b"\x1aE\xdf\xa3", b"\x1aE\xdf\xa3\x80"):
        assert video_format(data) is None
    assert video_format(b"\0\0\0\x14ftypqt  ") == "mov"
    assert video_format(b"\0\0\0\x08wide") == "mov"


def test_any_bytes_are_detected_or_not_without_an_error() -> None:
    rng = random.Random(5)
    for beginning in (b"\x1aE\xdf\xa3", b"\0\0\0\x18ftyp", _video("webm")[:40], MP4[:12]):
        for _ in range(2000):
            cut = beginning[: rng.randrange(len(beginning) + 1)]
            assert video_format(cut + rng.randbytes(rng.randrange(40))) in {None, *VIDEO_FORMATS}


def test_a_message_names_what_is_accepted() -> None:
    assert video_format_problem("a GIF", ["MP4", "WebM"]) == "is a GIF; it must be an MP4 or WebM video"
    assert video_format_problem("empty", ["Matroska"]) == "is empty; it must be a Matroska video"


def test_the_example_is_a_video_that_moves() -> None:
    with av.open(BytesIO(MP4)) as file:
        (stream,) = file.streams.video
        assert (stream.width, stream.height, stream.average_rate, len(file.streams)) == (32, 32, 8, 1)
        pixels = [frame.to_ndarray(format="gray") for frame in file.decode(stream)]
    places = [int((one > 128).any(axis=0).argmax()) for one in pixels]
    assert places == list(range(2, 18))
    assert {int((one > 128).sum()) for one in pixels} == {112}
