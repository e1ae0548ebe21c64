"""The video in a package's example input: a small MP4, the same bytes on every machine.

It is made by hand, because what an encoder writes differs between its versions: H.264 whose first picture is stored as
it is (I_PCM macroblocks), and whose others are the picture before them, moved (one motion vector for all macroblocks).
For fields that take neither MP4 nor QuickTime there is one frame of VP8, as FFmpeg once wrote it.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence

_SIDE = 32
_WEBM = (
    "GkXfo59ChoEBQveBAULygQRC84EIQoKEd2VibUKHgQJChYECGFOAZwEAAAAAAALEEU2bdLpNu4tTq4QVSalmU6yBoU27i1OrhBZUrmtTrIHG"
    "TbuMU6uEElTDZ1OsggEYTbuMU6uEHFO7a1OsggKu7AEAAAAAAABZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAVSalmoCrXsYMPQkBNgIRMYXZmV0GETGF2ZkSJiEBfQAAA"
    "AAAAFlSua82uAQAAAAAAAETXgQFzxYgAAAAAAAAAAZyBACK1nIN1bmSIgQCGhVZfVlA4g4EBI+ODhAdzWUDghrCBILqBIFXugQDsAQAAAAAA"
    "AAIAABJUw2e1c3OyY8CLY8WIAAAAAAAAAAFnyKFFo4hEVVJBVElPTkSHkzAwOjAwOjAwLjEyNTAwMDAwMAAfQ7Z1QVbngQCjQVCBAACAsAoA"
    "nQEqIAAgAABHCIWFiIWEiAICAFcAzIH8Xc9f+HOSB/kX47fwHWAf5L+QGuB/pP2ge4L+A/hX1AP8J/gn8g/Jb+P//XlAf0B9r+1+TvI7VLj9"
    "DN3tniiPPoEHTQD+//Fse//5td54Pzh0baUmkcavwn611MOkQdavmrXuPY283Au/zRaN0Hz3EDUvXjv6Xco91aPDAbz+VZ39Fg//545W8Wtd"
    "7h/nVrdOf/MS+cxsfgosYBEdlCRgMm5lH8uqjht7Kv55MJ7T+lKKSMLRKw/B3PJ3L3v/0HRo/9H6V/MwOlmK3D8jZ+6jORvzEwF/1PiGAMRA"
    "jFbvLe4bbG7RMMctlsmMRBarcNEW4uwWJOKCP/i6HlTKenNyHUvwUv7qNcG/LezX/fhf7IdhNuqc00Cng4WOxoHHyT8Nz8t7l1uV9SJ2QFT3"
    "f/ZUQAAcU7trkbuPs4EAt4r3gQHxggFS8IED"
)
_MATROSKA = (
    "GkXfo6NChoEBQveBAULygQRC84EIQoKIbWF0cm9za2FCh4EEQoWBAhhTgGcBAAAAAAAC5hFNm3TAv4QYHfFJTbuLU6uEFUmpZlOsgaFNu4tT"
    "q4QWVK5rU6yBzE27jFOrhBJUw2dTrIIBKE27jFOrhBxTu2tTrIICyuwBAAAAAAAAUwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAFUmpZqa/hB+Jp54q17GDD0JATYCETGF2ZldBhExh"
    "dmZEiYhAX0AAAAAAABZUrmvXv4QmJ8vXrgEAAAAAAABI14EBc8WIAAAAAAAAAAGcgQAitZyDdW5kiIEAhoVWX1ZQOIOBASPjg4QHc1lA4Iqw"
    "gSC6gSBUsoEEVe6BAOwBAAAAAAAAAgAAElTDZ7u/hI1nX/hzc7JjwItjxYgAAAAAAAAAAWfIoUWjiERVUkFUSU9ORIeTMDA6MDA6MDAuMTI1"
    "MDAwMDAwAB9DtnVBXL+E0DnmPOeBAKNBUIEAAICwCgCdASogACAAAEcIhYWIhYSIAgIAVwDMgfxdz1/4c5IH+Rfjt/AdYB/kv5Aa4H+k/aB7"
    "gv4D+FfUA/wn+CfyD8lv4//9eUB/QH2v7X5O8jtUuP0M3e2eKI8+gQdNAP7/8Wx7//m13ng/OHRtpSaRxq/CfrXUw6RB1q+ate49jbzcC7/N"
    "Fo3QfPcQNS9eO/pdyj3Vo8MBvP5Vnf0WD//njlbxa13uH+dWt05/8xL5zGx+CixgER2UJGAybmUfy6qOG3sq/nkwntP6UopIwtErD8Hc8ncv"
    "e//QdGj/0fpX8zA6WYrcPyNn7qM5G/MTAX/U+IYAxECMVu8t7htsbtEwxy2WyYxEFqtw0Rbi7BYk4oI/+LoeVMp6c3IdS/BS/uo1wb8t7Nf9"
    "+F/sh2E26pzTQKeDhY7GgcfJPw3Py3uXW5X1InZAVPd/9lRAABxTu2uXv4QfdALGu4+zgQC3iveBAfGCAWjwgQk="
)
_BLOCK = 16
_MP4_BRAND, _QUICKTIME_BRAND = b"isom", b"qt  "
_FRAMES = 16
# A second.
_RATE = 8
# In pixels, from one frame to the next.
_STEP = 1
# Names and numbers of the standards: profile and level, types of NAL units, kinds of slices.
_BASELINE, _LEVEL = 66, 10
_IDR, _SLICE, _SPS, _PPS = 0x65, 0x41, 0x67, 0x68
_P_SLICE, _I_SLICE = 5, 7
_I_PCM = 25


class _Bits:
    """Bits, most significant first, and H.264's codes of variable length."""

    def __init__(self) -> None:
        self._text = ""

    def fixed(self, value: int, width: int) -> None:
        self._text += format(value, f"0{width}b")

    def unsigned(self, *values: int) -> None:
        for value in values:
            code = format(value + 1, "b")
            self._text += "0" * (len(code) - 1) + code

    def signed(self, *values: int) -> None:
        for value in values:
            self.unsigned(2 * value - 1 if value > 0 else -2 * value)

    def align(self) -> None:
        self._text += "0" * (-len(self._text) % 8)

    def whole(self) -> bytes:
        """The bytes, ended as a NAL unit's payload is."""
        self._text += "1"
        self.align()
        return int(self._text, 2).to_bytes(len(self._text) // 8, "big")


def _unit(kind: int, payload: bytes) -> bytes:
    """A NAL unit: a 3 is put into what would look like the beginning of another."""
    found = bytearray([kind])
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:  # noqa: PLR2004 - the standard's own numbers
            found.append(3)
            zeros = 0
        found.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(found)


def _sequence() -> bytes:
    bits = _Bits()
    bits.fixed(_BASELINE, 8)
    # Constrained baseline.
    bits.fixed(0b11000000, 8)
    bits.fixed(_LEVEL, 8)
    # Id, 4 bits of frame_num, picture order as decoded, one reference, no gaps.
    bits.unsigned(0, 0, 2, 1)
    bits.fixed(0, 1)
    blocks = _SIDE // _BLOCK - 1
    bits.unsigned(blocks, blocks)
    # Frames only, direct_8x8_inference, no cropping, no VUI.
    bits.fixed(0b1100, 4)
    return _unit(_SPS, bits.whole())


def _parameters() -> bytes:
    bits = _Bits()
    # Ids; CAVLC, no order of fields; one slice group, one reference each.
    bits.unsigned(0, 0)
    bits.fixed(0, 2)
    bits.unsigned(0, 0, 0)
    bits.fixed(0, 3)
    bits.signed(0, 0, 0)
    # The deblocking filter is told of in each slice; no constrained prediction, no redundant pictures.
    bits.fixed(0b100, 3)
    return _unit(_PPS, bits.whole())


def _first_picture() -> bytes:
    """A white disc on black, stored."""
    bits = _Bits()
    bits.unsigned(0, _I_SLICE, 0)
    bits.fixed(0, 4)
    # idr_pic_id; two flags of reference pictures.
    bits.unsigned(0)
    bits.fixed(0, 2)
    bits.signed(0)
    # No deblocking: what is stored is what is seen.
    bits.unsigned(1)
    for top in range(0, _SIDE, _BLOCK):
        for left in range(0, _SIDE, _BLOCK):
            bits.unsigned(_I_PCM)
            bits.align()
            for y in range(top, top + _BLOCK):
                for x in range(left, left + _BLOCK):
                    bits.fixed(235 if (2 * x - 15) ** 2 + (2 * y - 31) ** 2 < 12**2 else 16, 8)
            for _ in range(_BLOCK * _BLOCK // 2):
                bits.fixed(128, 8)
    return _unit(_IDR, bits.whole())


def _moved_picture(number: int) -> bytes:
    """The picture before it, moved to the right."""
    bits = _Bits()
    bits.unsigned(0, _P_SLICE, 0)
    bits.fixed(number % 16, 4)
    # The references are as the PPS says, in their order; no marking.
    bits.fixed(0, 3)
    bits.signed(0)
    bits.unsigned(1)
    for block in range((_SIDE // _BLOCK) ** 2):
        # None skipped; P_L0_16x16; the vector in quarters of a pixel, which the other blocks have of their neighbours.
        bits.unsigned(0, 0)
        bits.signed(*((0, 0) if block else (-4 * _STEP, 0)))
        # No residual.
        bits.unsigned(0)
    return _unit(_SLICE, bits.whole())


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    """A box with a version, 0, and flags."""
    return _box(kind, struct.pack(">I", flags), *parts)


def _words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


_MATRIX = _words(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _file(brand: bytes, frames: int) -> bytes:
    pictures = [_first_picture(), *(_moved_picture(number) for number in range(1, frames))]
    samples = [_words(len(picture)) + picture for picture in pictures]
    kinds = _box(b"ftyp", brand, _words(512), b"isomiso2avc1mp41" if brand == _MP4_BRAND else brand)
    # The samples' place depends on how long what stands before them is, and that not on the place.
    ahead = len(kinds) + len(_movie(samples, 0)) + 8
    return kinds + _movie(samples, ahead) + _box(b"mdat", *samples)


def _movie(samples: list[bytes], place: int) -> bytes:
    sequence, parameters = _sequence(), _parameters()
    config = b"\x01" + sequence[1:4] + b"\xff\xe1" + struct.pack(">H", len(sequence)) + sequence
    config += b"\x01" + struct.pack(">H", len(parameters)) + parameters
    entry = bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">HH", _SIDE, _SIDE)
    entry += _words(72 << 16, 72 << 16, 0) + struct.pack(">H", 1) + bytes(32) + struct.pack(">Hh", 24, -1)
    table = _box(
        b"stbl",
        _full(b"stsd", _words(1), _box(b"avc1", entry, _box(b"avcC", config))),
        _full(b"stts", _words(1, len(samples), 1)),
        _full(b"stss", _words(1, 1)),
        _full(b"stsc", _words(1, 1, len(samples), 1)),
        _full(b"stsz", _words(0, len(samples), *map(len, samples))),
        _full(b"stco", _words(1, place)),
    )
    data = _box(b"dinf", _full(b"dref", _words(1), _full(b"url ", flags=1)))
    media = _box(
        b"mdia",
        _full(b"mdhd", _words(0, 0, _RATE, len(samples)), struct.pack(">HH", 0x55C4, 0)),
        _full(b"hdlr", bytes(4), b"vide", bytes(12), b"video\0"),
        _box(b"minf", _full(b"vmhd", bytes(8), flags=1), data, table),
    )
    header = _full(
        b"tkhd", _words(0, 0, 1, 0, len(samples)), bytes(16), _MATRIX, _words(_SIDE << 16, _SIDE << 16), flags=3
    )
    whole = _full(
        b"mvhd", _words(0, 0, _RATE, len(samples), 0x10000), b"\x01\0", bytes(10), _MATRIX, bytes(24), _words(2)
    )
    return _box(b"moov", whole, _box(b"trak", header, media))


def example_video(formats: Sequence[str], max_frames: int, max_seconds: int) -> str:
    """The video in one of the formats, base64: of 32 x 32 pixels, less than three kilobytes, and within the limits."""
    frames = min(_FRAMES, max_frames, max_seconds * _RATE)
    for name, brand in (("mp4", _MP4_BRAND), ("mov", _QUICKTIME_BRAND)):
        if name in formats:
            return base64.b64encode(_file(brand, frames)).decode("ascii")
    return _WEBM if "webm" in formats else _MATROSKA
