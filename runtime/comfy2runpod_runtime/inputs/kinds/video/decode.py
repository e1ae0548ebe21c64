"""Decodes a caller's video and re-encodes it as the MP4 that ComfyUI reads: H.264, and AAC if it has sound.

The file is upright, has one video stream and at most one of sound, the frames, size and rate of the caller's, and no
metadata. So LoadVideo sees one kind of file, and no decoder in ComfyUI reads a caller's bytes. The caller,
`decoder_process.py`, limits CPU time and memory, and allows no threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from typing import Any, NoReturn

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from comfy2runpod_contract.limits import LONGEST_IMAGE_SIDE
from comfy2runpod_contract.video_files import video_length_problem
from comfy2runpod_contract.wording import image_size_problem, megabytes
from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.kinds.video import VideoInput
from comfy2runpod_runtime.inputs.kinds.video.containers import (
    MAX_STREAMS,
    Container,
    incomplete,
    too_many_streams,
    video_container,
)
from comfy2runpod_runtime.inputs.kinds.video.sound import SOUND_DECODERS, SoundEncoder, sound_form
from comfy2runpod_runtime.inputs.kinds.video.timing import PacketTimes, fraction, timing
from comfy2runpod_runtime.inputs.kinds.video.writer import VideoWriter

# FFmpeg's decoders of what cameras, telephones, browsers, editors and models write. Each is well tried against hostile
# files; of its some hundred others none is ever opened. `libdav1d` and `av1` are the same codec.
_VIDEO_DECODERS = frozenset({"h264", "hevc", "vp8", "vp9", "libdav1d", "av1", "mpeg4", "mjpeg", "prores"})
_LEAST_SIDE = 16
_MAX_ASPECT = 40
# A decoder's own frames are larger than what is shown of them, up to whole blocks.
_BLOCK = 64
# Decoders that give a frame for each packet, or for two of interlaced video. Of the others, a packet may show nothing.
_FRAME_PER_PACKET = frozenset({"h264", "hevc", "libdav1d", "av1", "mjpeg", "prores"})
# Packets per frame at most: codecs of the web have some that are not shown, interlaced video has two fields.
_PACKETS_PER_FRAME = 2
# A last frame or packet of sound may go beyond the limit.
_SPARE_SECONDS = Fraction(1, 20)

# PyAV below 19 fails at metadata that is not UTF-8, unless it is told not to; from then on it has no such option.
_FIRST_LENIENT = 19
_LENIENT: Mapping[str, Any] = (
    {} if int(av.__version__.partition(".")[0]) >= _FIRST_LENIENT else {"metadata_errors": "replace"}
)

# What PyAV raises for corrupt files.
_DECODE_ERRORS = (
    av.FFmpegError,
    OSError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AssertionError,
)


def video_mp4(data: bytes, limits: VideoInput) -> bytes:
    """Checks a video and re-encodes it as an MP4.

    Args:
        data: the file.
        limits: what the field accepts.

    Returns:
        The MP4 file.

    Raises:
        MediaRefused: it is too large or too long, not of an allowed container or codec, or corrupt.
        MemoryError: it needs more memory than the process may have.
    """
    if len(data) > limits.max_bytes:
        raise MediaRefused(f"has {len(data):,} bytes; at most {megabytes(limits.max_bytes)} are allowed")
    container = video_container(data, limits.formats)
    try:
        return _written_anew(_Source(data, container, limits))
    except MemoryError:
        raise
    except _DECODE_ERRORS as error:
        raise incomplete(container.name) from error


@dataclass(frozen=True, slots=True)
class _Source:
    """A caller's file, whose container is detected from its content."""

    data: bytes
    container: Container
    limits: VideoInput

    def open(self) -> InputContainer:
        """Opens the file with one demuxer and the listed decoders, without access to other files."""
        limits = self.limits
        longest = limits.max_pixels + 2 * _BLOCK * (LONGEST_IMAGE_SIDE + _BLOCK)
        options = {
            "codec_whitelist": ",".join(sorted(_VIDEO_DECODERS | SOUND_DECODERS)),
            "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm",
            "protocol_whitelist": "",
            # Checked by decoders before they allocate a frame.
            "max_pixels": str(longest),
            "threads": "1",
        }
        if self.container.demuxer == "mov":
            options |= {"enable_drefs": "0", "use_absolute_path": "0"}
        opened: InputContainer = av.open(
            BytesIO(self.data),
            "r",
            format=self.container.demuxer,
            options=options,
            io_open=_refuse_to_open,
            **_LENIENT,
        )
        for stream in opened.streams:
            if isinstance(stream, VideoStream | AudioStream) and _decoder_name(stream):
                stream.codec_context.thread_count = 1
                stream.codec_context.options = {
                    # Corrupt data ends decoding, and is not concealed.
                    "err_detect": "crccheck+bitstream+buffer+explode",
                    "max_pixels": str(longest),
                }
        return opened


def _refuse_to_open(*_: object) -> NoReturn:
    """For whatever a file refers to."""
    raise MediaRefused("refers to another file")


@dataclass(slots=True)
class _Packets:
    """The facts of one stream's packets, before any is decoded."""

    count: int = 0
    shown: int = 0
    starts: list[int] = field(default_factory=list)
    untimed: bool = False
    last: tuple[int, int] = (0, 0)

    def add(self, packet: av.Packet[Stream]) -> None:
        self.count += 1
        if packet.is_discard:
            return
        self.shown += 1
        if packet.pts is None:
            self.untimed = True
            return
        self.starts.append(packet.pts)
        self.last = max(self.last, (packet.pts, packet.duration or 0))

    def shown_from(self, start: int | None) -> int:
        """How many are shown at a time or later. A video that is cut anew may begin with some that nothing decodes."""
        if start is None or self.untimed:
            return 0
        return sum(1 for one in self.starts if one >= start)

    def times(self, unit: Fraction) -> PacketTimes:
        return PacketTimes(unit, None if self.untimed else self.starts, self.last[1])


def _written_anew(source: _Source) -> bytes:
    limits = source.limits
    with source.open() as container:
        video, sound = _streams(container)
        _check_size(video.width, video.height, limits)
        packets = _packets(container, source, video, sound)
        rate = fraction(video.average_rate)
        times = packets.times(_unit(video))
        seconds = times.seconds(rate)
        if seconds > limits.max_seconds + _SPARE_SECONDS:
            raise MediaRefused(video_length_problem(float(seconds), limits.max_seconds))
    if not packets.shown:
        raise MediaRefused("holds no frames")
    with source.open() as container:
        video, sound = _streams(container)
        form = None if sound is None else sound_form(sound)
        writer = VideoWriter(timing(times, rate), float(seconds), limits.max_written_bytes, form)
        starts_at = min(times.starts, default=0) * times.unit if times.starts is not None else Fraction(0)
        encoder = None if form is None else SoundEncoder(writer.sound, form, starts_at, limits.max_seconds)
        _convert(_decoded(container, video, sound), video, packets, writer, encoder, limits)
        return writer.finished()


def _streams(container: InputContainer) -> tuple[VideoStream, AudioStream | None]:
    """The first video stream, and the last one of sound that is to be decoded: those that LoadVideo takes.

    Attached pictures, subtitles, data and further streams are ignored.
    """
    if len(container.streams) > MAX_STREAMS:
        raise too_many_streams(len(container.streams))
    video = next((one for one in container.streams.video if not one.disposition & Disposition.attached_pic), None)
    if video is None:
        raise MediaRefused("holds no video")
    if _decoder_name(video) not in _VIDEO_DECODERS:
        raise MediaRefused("is of an unsupported video codec; save it as H.264, H.265, VP8, VP9 or AV1")
    sounds = container.streams.audio
    sound = next((one for one in reversed(sounds) if _decoder_name(one) in SOUND_DECODERS), None)
    if sounds and sound is None:
        raise MediaRefused("has sound of an unsupported codec; save it as AAC, MP3, Opus, Vorbis, FLAC or PCM")
    return video, sound


def _decoder_name(stream: VideoStream | AudioStream) -> str:
    # There is none for a codec that the library does not know.
    context: CodecContext | None = stream.codec_context
    return "" if context is None else context.name


def _unit(video: VideoStream) -> Fraction:
    unit = fraction(video.time_base)
    if unit is None:
        raise ValueError("a stream without a clock")
    return unit


def _check_size(width: int, height: int, limits: VideoInput) -> None:
    problem = image_size_problem(width, height, limits.max_pixels, _MAX_ASPECT, LONGEST_IMAGE_SIDE)
    if problem is None and min(width, height) < _LEAST_SIDE:
        problem = f"{width}x{height} is too small; a side must have at least {_LEAST_SIDE} pixels"
    if problem is not None:
        raise MediaRefused(problem)


def _packets(container: InputContainer, source: _Source, video: VideoStream, sound: AudioStream | None) -> _Packets:
    """Reads all packets without decoding them, so that the times are known and nothing is missing."""
    streams: list[VideoStream | AudioStream] = [video] if sound is None else [video, sound]
    found = {stream.index: _Packets() for stream in container.streams}
    most = _PACKETS_PER_FRAME * source.limits.max_frames
    for packet in container.demux():
        if not packet.size:
            continue
        if packet.is_corrupt:
            raise incomplete(source.container.name)
        found[packet.stream.index].add(packet)
        if found[video.index].count > most:
            raise _too_many_frames(source.limits)
    for stream in streams:
        # Of this container the demuxer knows how many there have to be. It takes a missing one for the end.
        if source.container.demuxer == "mov" and found[stream.index].count < len(stream.index_entries):
            raise incomplete(source.container.name)
    if sum(packets.count for packets in found.values()) < source.container.blocks:
        raise incomplete(source.container.name)
    return found[video.index]


def _too_many_frames(limits: VideoInput) -> MediaRefused:
    return MediaRefused(f"has more than {limits.max_frames:,} frames, the most that are allowed")


def _convert(
    frames: Iterator[av.VideoFrame | av.AudioFrame],
    video: VideoStream,
    packets: _Packets,
    writer: VideoWriter,
    sound: SoundEncoder | None,
    limits: VideoInput,
) -> None:
    """Checks and writes every frame and sample."""
    count, first, fields = 0, None, 1
    for frame in frames:
        if isinstance(frame, av.AudioFrame):
            if sound is not None:
                writer.add_sound(sound.encode(frame))
            continue
        if frame.is_corrupt:
            raise ValueError("a damaged frame")
        count += 1
        if count > limits.max_frames:
            raise _too_many_frames(limits)
        fields = 2 if frame.interlaced_frame else fields
        if first is None:
            # The size in the container may differ from the size of the frames.
            _check_size(frame.width, frame.height, limits)
            first = (frame.width, frame.height, frame.pts)
        width, height, start = first
        if (frame.width, frame.height) != (width, height):
            raise MediaRefused(
                f"changes its size from {width}x{height} to {frame.width}x{frame.height} in frame {count}"
            )
        since_first = None if frame.pts is None or start is None else (frame.pts - start) * _unit(video)
        writer.add_frame(frame, since_first, fraction(video.sample_aspect_ratio))
    if first is None:
        raise MediaRefused("holds no frames")
    if _decoder_name(video) in _FRAME_PER_PACKET and count * fields < packets.shown_from(first[2]):
        raise ValueError("frames are missing")
    if sound is not None:
        writer.add_sound(sound.finish())


def _decoded(
    container: InputContainer, video: VideoStream, sound: AudioStream | None
) -> Iterator[av.VideoFrame | av.AudioFrame]:
    for packet in container.demux([stream for stream in (video, sound) if stream is not None]):
        for frame in packet.decode():
            if isinstance(frame, av.VideoFrame | av.AudioFrame):
                yield frame
