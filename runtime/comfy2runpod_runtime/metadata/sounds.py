"""Sounds of simple formats without what they tell beside their samples: the frames are copied, and what describes them.

Each function returns None for a file that tells nothing but which encoder wrote it, and raises ValueError, IndexError
or struct.error for one whose parts do not fit together.
"""

from __future__ import annotations

import re
import struct

# What FFmpeg writes of itself, and the names of the parts in which it does.
_FFMPEGS = re.compile(
    rb"Lav[fc][0-9. ]*(?:lib[a-z0-9_-]+|[a-z0-9_]+)?|(?i:encoder|duration|handler_name)|(?:Video|Sound)Handler"
    rb"|[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}|meta|hdlr|ilst|mdir|appl|data|mdta|keys|udta|TSSE|INFO|ISFT|webm|matroska"
)
# A shorter one may be a number's bytes.
_TEXT = re.compile(rb"[ -~]{6,}")
_MOST_HARMLESS_BYTES = 2048

_FLAC = b"fLaC"
_FLAC_STREAM, _FLAC_GAP, _FLAC_SEEK, _FLAC_COMMENTS = 0, 1, 3, 4
_WAV_PARTS = frozenset({b"fmt ", b"fact", b"data"})
_ID3_BYTES = 10
# Layer III: kilobits per second of MPEG 1 and of MPEG 2 and 2.5, and samples per second of each.
_BITRATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_LAYER_3 = 1


def tells_nothing(content: bytes) -> bool:
    """Whether a part holds no text but what FFmpeg writes of itself."""
    return len(content) <= _MOST_HARMLESS_BYTES and _TEXT.search(_FFMPEGS.sub(b"\0", content)) is None


def flac(content: bytes) -> bytes | None:
    """Blocks: whether it is the last, kind, length, data; then the frames."""
    at, last, harmless = len(_FLAC), False, True
    kept: list[bytes] = []
    while not last:
        last, kind = bool(content[at] & 0x80), content[at] & 0x7F
        (length,) = struct.unpack(">I", b"\0" + content[at + 1 : at + 4])
        data = content[at + 4 : at + 4 + length]
        if kind in (_FLAC_STREAM, _FLAC_SEEK):
            kept.append(bytes([kind]) + content[at + 1 : at + 4] + data)
        elif not (kind == _FLAC_GAP and not any(data)) and not (kind == _FLAC_COMMENTS and tells_nothing(data)):
            harmless = False
        at += 4 + length
    if at > len(content):
        raise ValueError("a block goes on beyond the end")
    if harmless:
        return None
    kept[-1] = bytes([kept[-1][0] | 0x80]) + kept[-1][1:]
    return b"".join([_FLAC, *kept, content[at:]])


def wav(content: bytes) -> bytes | None:
    """RIFF: name, length and data of each chunk, the data padded to an even length."""
    at, harmless, kept = 12, True, [b"WAVE"]
    while at + 8 <= len(content):
        name, length = struct.unpack_from("<4sI", content, at)
        end = at + 8 + length + length % 2
        if name in _WAV_PARTS:
            kept.append(content[at:end])
        elif name != b"LIST" or not tells_nothing(content[at + 8 : end]):
            harmless = False
        at = end
    body = b"".join(kept)
    return None if harmless and at >= len(content) else b"RIFF" + struct.pack("<I", len(body)) + body


def mp3(content: bytes) -> bytes | None:
    """A tag, frames, and tags at the end. Whatever stands between frames is no sound."""
    start = 0
    if content.startswith(b"ID3"):
        start = _ID3_BYTES + sum((byte & 0x7F) << 7 * (3 - index) for index, byte in enumerate(content[6:10]))
    harmless = tells_nothing(content[:start])
    frames, at = [], start
    while at + 4 <= len(content):
        length = _frame_bytes(content[at : at + 4])
        if length is None or at + length > len(content):
            at += 1
            continue
        frames.append(content[at : at + length])
        at += length
    if not frames:
        raise ValueError("it has no frames")
    sound = b"".join(frames)
    return None if harmless and content[start:] == sound else sound


def _frame_bytes(header: bytes) -> int | None:
    """How long a frame of layer III is; None if none begins so."""
    bits = int.from_bytes(header, "big")
    version, layer, bitrate, rate = bits >> 19 & 3, bits >> 17 & 3, bits >> 12 & 15, bits >> 10 & 3
    if bits >> 21 != 0x7FF or layer != _LAYER_3 or version not in _RATES or bitrate in (0, 15) or rate == 3:  # noqa: PLR2004
        return None
    first = version == 3  # noqa: PLR2004 - MPEG 1
    return (144 if first else 72) * 1000 * _BITRATES[first][bitrate] // _RATES[version][rate] + (bits >> 9 & 1)
