"""Video files, right ones and wrong ones, as a person might choose them."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream


def video(form: str = "webm", size: tuple[int, int] = (64, 48), frames: int = 16) -> bytes:
    """A black video of some size, at 8 frames a second; WebM and Matroska as VP8, which every browser plays."""
    out = BytesIO()
    with av.open(out, "w", format=form) as file:
        stream = file.add_stream("libvpx" if form in ("webm", "matroska") else "mpeg4", rate=8)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts, frame.time_base = number, Fraction(1, 8)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return out.getvalue()


def sound() -> bytes:
    """A WebM without a video."""
    out = BytesIO()
    with av.open(out, "w", format="webm") as file:
        stream = file.add_stream("libopus", rate=48000)
        assert isinstance(stream, AudioStream)
        frame = av.AudioFrame("s16", "stereo", 960)
        frame.sample_rate, frame.pts = 48000, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return out.getvalue()
