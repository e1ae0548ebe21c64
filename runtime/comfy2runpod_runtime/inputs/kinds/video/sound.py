"""The sound of a video, re-encoded as AAC: as many samples, at the same rate if AAC supports it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import av
from av.audio.stream import AudioStream

from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.kinds.video.timing import fraction

# FFmpeg's decoders of the audio codecs in these containers; `mp3` and `mp3float` are the same codec.
SOUND_DECODERS = frozenset(
    {
        "aac", "ac3", "alac", "eac3", "flac", "mp3", "mp3float", "opus", "vorbis",
        "pcm_f32be", "pcm_f32le", "pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le",
        "pcm_u8",
    }
)  # fmt: skip
_SoundPacket: TypeAlias = "av.Packet[AudioStream]"
_AAC_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_OTHER_RATE = 48_000
_MOST_RATE = 384_000
_MOST_CHANNELS = 8
# Others are mixed to two channels.
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
_BITS_PER_CHANNEL = 128_000
_SPARE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class SoundForm:
    """How sound is written: samples a second, and a layout of channels as FFmpeg names it."""

    rate: int
    layout: str
    channels: int

    @property
    def bit_rate(self) -> int:
        """Bits a second."""
        return self.channels * _BITS_PER_CHANNEL


def sound_form(stream: AudioStream) -> SoundForm:
    """Decides how a stream is written.

    Raises:
        MediaRefused: it has no rate or no channels, or more than sound has.
    """
    rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
    if not 0 < rate <= _MOST_RATE or not 0 < channels <= _MOST_CHANNELS:
        raise MediaRefused(f"has sound with {rate:,} samples a second and {channels} channels, which is not supported")
    layout = _LAYOUTS.get(channels, "stereo")
    written = next(count for count, name in _LAYOUTS.items() if name == layout)
    return SoundForm(rate if rate in _AAC_RATES else _OTHER_RATE, layout, written)


class SoundEncoder:
    """Encodes decoded sound.

    Args:
        target: the stream of the new file.
        form: how it is written.
        starts_at: when the video starts, in seconds of the clock of its file.
        max_seconds: how much sound there may be.
    """

    def __init__(self, target: AudioStream, form: SoundForm, starts_at: Fraction, max_seconds: float) -> None:
        self._target = target
        self._form = form
        self._starts_at = starts_at
        self._max_seconds = max_seconds
        self._resampler = av.AudioResampler(format="fltp", layout=form.layout, rate=form.rate)
        self._waiting = av.AudioFifo()
        self._next: int | None = None
        self._decoded = 0

    def encode(self, frame: av.AudioFrame) -> Iterator[_SoundPacket]:
        """Encodes one decoded frame.

        Raises:
            MediaRefused: there is too much sound.
        """
        self._decoded += frame.samples
        if self._decoded > (self._max_seconds + _SPARE_SECONDS) * frame.sample_rate:
            raise MediaRefused(f"has sound of more than {self._max_seconds:g} s, the most that are allowed")
        if self._next is None:
            # Sound that begins before the video is not cut, as LoadVideo does not either.
            unit = fraction(frame.time_base)
            late = Fraction(0) if frame.pts is None or unit is None else frame.pts * unit - self._starts_at
            if late > self._max_seconds:
                raise MediaRefused(f"has sound after {self._max_seconds:g} s, the most that are allowed")
            self._next = max(0, round(late * self._form.rate))
        # Times within it are not read, as LoadVideo does not either.
        frame.pts = None
        for resampled in self._resampler.resample(frame):
            yield from self._queued(resampled)

    def finish(self) -> Iterator[_SoundPacket]:
        """Encodes what is left."""
        for resampled in self._resampler.resample(None):
            yield from self._queued(resampled)
        rest = self._waiting.read(0, partial=True)
        if rest is not None and rest.samples:
            yield from self._encoded(rest)
        yield from self._target.encode(None)

    def _queued(self, frame: av.AudioFrame) -> Iterator[_SoundPacket]:
        frame.pts = None
        self._waiting.write(frame)
        size = self._target.codec_context.frame_size or 1024
        while (block := self._waiting.read(size)) is not None:
            yield from self._encoded(block)

    def _encoded(self, frame: av.AudioFrame) -> Iterator[_SoundPacket]:
        frame.pts, frame.time_base = self._next, Fraction(1, self._form.rate)
        self._next = (self._next or 0) + frame.samples
        yield from self._target.encode(frame)
