"""Writes an MP4 with H.264 and AAC into memory, of bounded size."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from typing import TypeAlias

import av
from av.audio.stream import AudioStream
from av.video.frame import PictureType
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from comfy2runpod_contract.wording import megabytes
from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.kinds.video.frames import FrameForm, frame_form
from comfy2runpod_runtime.inputs.kinds.video.sound import SoundForm
from comfy2runpod_runtime.inputs.kinds.video.timing import Timing

# Some 45 dB, colour included, which is visually lossless, at two to four times the size of the caller's file.
_QUALITY = {"preset": "veryfast", "crf": "8", "tune": "psnr", "x264-params": "chroma-qp-offset=-6"}
# No frame is stored before one that is shown earlier, so that every reader sees the first at 0.
_IN_ORDER = {"bf": "0"}
# Of the largest file, what the frames may take: the rest is for peaks of the encoder's rate, and the index.
_SHARE_OF_FRAMES = 0.85
_HIGHEST_BIT_RATE = 300_000_000
# Height by width of a pixel that is written to the file; a larger ratio is taken for a mistake.
_MOST_STRETCHED = 8


_AnyPacket: TypeAlias = "av.Packet[VideoStream] | av.Packet[AudioStream]"


class VideoWriter:
    """A video that is being written.

    Args:
        times: when each frame is shown.
        seconds: how long it will last.
        max_bytes: the largest file.
        sound: how its sound is written; None if it has none.
    """

    def __init__(self, times: Timing, seconds: float, max_bytes: int, sound: SoundForm | None) -> None:
        self._times = times
        self._max_bytes = max_bytes
        self._file = BytesIO()
        self._container = av.open(self._file, "w", format="mp4")
        self._video = self._container.add_stream("libx264", rate=times.rate)
        self._sound = None if sound is None else _sound_stream(self._container, sound)
        self._rate = _bit_rate(seconds, max_bytes, sound)
        self._form: FrameForm | None = None
        self._count = 0
        self._shown = -1
        # Until the size of the frames is known, and until the next packet tells how long one lasts.
        self._early: list[_AnyPacket] = []
        self._last: av.Packet[VideoStream] | None = None

    @property
    def sound(self) -> AudioStream:
        """The stream for sound, which there is."""
        if self._sound is None:
            raise AssertionError("a video without sound")
        return self._sound

    def add_frame(self, frame: av.VideoFrame, since_first: Fraction | None, aspect: Fraction | None) -> None:
        """Writes a frame.

        Args:
            frame: as it is decoded.
            since_first: when it is shown, in seconds after the first.
            aspect: the width of a pixel by its height, None if it is not known; of the first frame's counts.
        """
        if self._form is None:
            self._form = self._begin(frame, aspect)
        written = self._form.applied(frame)
        self._shown = self._times.ticks(self._count, since_first, self._shown)
        written.pts, written.time_base = self._shown, self._times.unit
        # The encoder chooses the type, and does not copy the caller's.
        written.pict_type = PictureType.NONE
        self._count += 1
        self._mux_frames(self._encoded(written))

    def add_sound(self, packets: Iterable[av.Packet[AudioStream]]) -> None:
        """Writes encoded sound."""
        for packet in packets:
            if self._form is None:
                self._early.append(packet)
            else:
                self._mux(packet)

    def finished(self) -> bytes:
        """Returns the file."""
        self._mux_frames(self._encoded(None))
        if self._last is not None:
            self._last.duration = self._times.last_ticks
            self._mux(self._last)
        self._container.close()
        self._check_bytes()
        return self._file.getvalue()

    def _begin(self, frame: av.VideoFrame, aspect: Fraction | None) -> FrameForm:
        form = frame_form(frame)
        context = self._video.codec_context
        context.width, context.height, context.pix_fmt = form.width, form.height, form.pixel_format
        context.time_base, context.framerate = self._times.unit, self._times.rate
        context.thread_count = 1
        limits = {"maxrate": str(self._rate), "bufsize": str(self._rate)}
        context.options = {**_QUALITY, **_IN_ORDER, **limits}
        context.color_range = ColorRange.JPEG if form.full_range else frame.color_range
        # How the written colours are to be read: of frames that were RGB, by the matrix that they were converted with.
        context.colorspace = form.colour_matrix
        context.color_trc, context.color_primaries = frame.color_trc, frame.color_primaries
        # PyAV has it from version 19 on.
        if hasattr(frame, "chroma_location") and hasattr(context, "chroma_sample_location"):
            context.chroma_sample_location = frame.chroma_location
        if aspect and Fraction(1, _MOST_STRETCHED) <= aspect <= _MOST_STRETCHED:
            context.sample_aspect_ratio = 1 / aspect if form.quarter_turns % 2 else aspect
        for packet in self._early:
            self._mux(packet)
        self._early.clear()
        return form

    def _encoded(self, frame: av.VideoFrame | None) -> list[av.Packet[VideoStream]]:
        try:
            return self._video.encode(frame)
        except av.FFmpegError as error:
            # The caller's file is complete. Usually, the encoder has run out of memory.
            raise MediaRefused(
                "cannot be written anew within the memory that is allowed; send one with smaller frames"
            ) from error

    def _mux_frames(self, packets: Iterable[av.Packet[VideoStream]]) -> None:
        for packet in packets:
            if self._last is not None:
                if packet.pts is not None and self._last.pts is not None:
                    self._last.duration = packet.pts - self._last.pts
                self._mux(self._last)
            self._last = packet

    def _mux(self, packet: _AnyPacket) -> None:
        self._container.mux(packet)
        self._check_bytes()

    def _check_bytes(self) -> None:
        if self._file.tell() > self._max_bytes:
            raise MediaRefused(
                f"needs more than {megabytes(self._max_bytes)} when it is written anew; send a shorter or smaller one"
            )


def _sound_stream(container: av.container.OutputContainer, form: SoundForm) -> AudioStream:
    stream = container.add_stream("aac", rate=form.rate)
    stream.codec_context.layout = form.layout
    stream.codec_context.bit_rate = form.bit_rate
    stream.codec_context.thread_count = 1
    return stream


def _bit_rate(seconds: float, max_bytes: int, sound: SoundForm | None) -> int:
    """The most bits a second for frames, so that a video that is hard to compress becomes coarser, not too large."""
    of_sound = 0 if sound is None else sound.bit_rate
    # The encoder may be ahead of its rate by a second.
    most = max_bytes * 8 * _SHARE_OF_FRAMES / (seconds + 1) - of_sound
    return int(max(100_000, min(most, _HIGHEST_BIT_RATE)))
