"""The time at which each frame of a re-encoded video is shown.

ComfyUI takes a video's frames and its average rate, and drops the times. So a video at a constant rate is written at
exactly this rate, although its container may round the times to milliseconds. One at a variable rate keeps its times,
which gives the same number of frames and the same average.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

# Frames per second that are written as a constant rate.
_LOWEST_RATE, _HIGHEST_RATE = Fraction(1, 10), 1000
# The unit of a variable rate where the container's own is too fine or too odd for MP4.
_FINE = Fraction(1, 90_000)
_FINEST = 1_000_000
# How far a time may be from the constant rate's, in units of the container and in frames.
_ROUNDING, _SHARE = Fraction(3, 2), Fraction(1, 4)
# In seconds.
_LONGEST_LAST = 1
# If it is unknown, as for a single frame.
_DEFAULT_RATE = Fraction(25)


class _Rational(Protocol):
    """A `Fraction`, or from PyAV 19 on its own type, whose denominator may be 0."""

    @property
    def numerator(self) -> int: ...
    @property
    def denominator(self) -> int: ...


def fraction(value: _Rational | None) -> Fraction | None:
    """A positive number from FFmpeg; None if it has none."""
    if value is None or value.numerator <= 0 or value.denominator <= 0:
        return None
    return Fraction(value.numerator, value.denominator)


@dataclass(frozen=True, slots=True)
class Timing:
    """The times to write.

    Attributes:
        unit: seconds of one tick of the file's clock.
        rate: average frames per second.
        constant: whether each frame is shown for one tick.
        last_ticks: how long the last frame is shown.
    """

    unit: Fraction
    rate: Fraction
    constant: bool
    last_ticks: int

    def ticks(self, number: int, seconds: Fraction | None, before: int) -> int:
        """When a frame is shown.

        Args:
            number: how many frames are before it.
            seconds: when the container shows it, counted from the first frame.
            before: when the frame before it is shown; -1 if it is the first.
        """
        if self.constant:
            return number
        return max(before + 1, 0 if seconds is None else round(seconds / self.unit))


@dataclass(frozen=True, slots=True)
class PacketTimes:
    """The times of a container's packets, each of which holds a frame.

    Attributes:
        unit: seconds of one tick of the container's clock.
        starts: when each is shown, in ticks; None if one has no time.
        last_duration: of the one that is shown last, in ticks; 0 if it is unknown.
    """

    unit: Fraction
    starts: Sequence[int] | None
    last_duration: int

    def seconds(self, rate: Fraction | None) -> Fraction:
        """How long the video lasts."""
        if not self.starts:
            return Fraction(0)
        return self._span() + self.last_seconds(rate)

    def _span(self) -> Fraction:
        """From the first frame's time to the last one's."""
        return (max(self.starts) - min(self.starts)) * self.unit if self.starts else Fraction(0)

    def last_seconds(self, rate: Fraction | None) -> Fraction:
        """How long the last frame is shown: so that the average rate is what the container says, if this can be."""
        if self.starts and rate:
            rest = len(self.starts) / rate - self._span()
            if 0 < rest <= _LONGEST_LAST:
                return rest
        if self.last_duration > 0:
            return self.last_duration * self.unit
        return 1 / rate if rate else 1 / _DEFAULT_RATE


def timing(packets: PacketTimes, rate: Fraction | None) -> Timing:
    """Decides which times to write.

    Args:
        packets: the container's times.
        rate: the average rate that FFmpeg reads from the container, which is what ComfyUI takes; None if it has none.
    """
    if rate is not None and not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        rate = None
    if packets.starts is None:
        return _constant(rate or _DEFAULT_RATE)
    if rate is not None and _is_constant(sorted(packets.starts), packets.unit, rate):
        return _constant(rate)
    usable = packets.unit.numerator == 1 and packets.unit.denominator <= _FINEST
    unit = packets.unit if usable and packets.unit.denominator > _HIGHEST_RATE else _FINE
    seconds = packets.seconds(rate)
    average = len(packets.starts) / seconds if seconds > 0 else rate or _DEFAULT_RATE
    last = max(1, round(packets.last_seconds(rate) / unit))
    return Timing(unit, average.limit_denominator(_FINEST), constant=False, last_ticks=last)


def _constant(rate: Fraction) -> Timing:
    return Timing(1 / rate, rate, constant=True, last_ticks=1)


def _is_constant(starts: Sequence[int], unit: Fraction, rate: Fraction) -> bool:
    """Whether the times are those of a constant rate, but for rounding to the container's clock."""
    tolerance = min(unit * _ROUNDING, _SHARE / rate)
    return all(
        abs((start - starts[0]) * unit - Fraction(number) / rate) <= tolerance for number, start in enumerate(starts)
    )
