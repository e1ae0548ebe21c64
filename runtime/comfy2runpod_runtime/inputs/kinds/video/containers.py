"""Refuses files of other containers than a field takes, and checks that a file is as long as its parts say.

Only the outermost structure is read, without decoding anything: a file that ends early is found here, because a
demuxer takes the end of a truncated file for the end of the video.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comfy2runpod_contract.video_files import video_format, video_format_problem, with_article
from comfy2runpod_contract.video_inputs import VIDEO_FORMATS
from comfy2runpod_runtime.inputs.input_errors import MediaRefused
from comfy2runpod_runtime.inputs.signatures import file_description

# FFmpeg's demuxer for each container: no other demuxer ever reads a caller's file.
DEMUXERS: Mapping[str, str] = {"mp4": "mov", "mov": "mov", "webm": "matroska", "mkv": "matroska"}
# Streams of a file. A film has some languages and subtitles; each stream costs time and memory.
MAX_STREAMS = 32
# The most boxes or elements that are examined. A recording may have one for each frame and each packet of sound.
_MAX_PARTS = 200_000

_SEGMENT, _CLUSTER, _TRACKS, _TRACK = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE
# Elements of a cluster that hold a packet or more: a simple block, and a group with a block.
_BLOCKS = frozenset({0xA3, 0xA0})

# Other files, to name them in the message: offset, bytes, name.
_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (8, b"WEBP", "a WebP image"),
    (8, b"AVI ", "an AVI video"),
    (8, b"WAVE", "a WAV sound"),
    (0, b"FLV\1", "a Flash video"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media file"),
    (0, b"OggS", "an Ogg file"),
    (0, b"\0\0\1\xba", "an MPEG program stream"),
    (0, b"#EXTM3U", "a playlist"),
    (0, b"ffconcat", "a playlist"),
    (0, b"ID3", "an MP3 sound"),
    (0, b"fLaC", "a FLAC sound"),
)
_TRANSPORT_PACKET, _TRANSPORT_SYNC = 188, 0x47


@dataclass(frozen=True, slots=True)
class Container:
    """A video's container.

    Attributes:
        name: a key of `VIDEO_FORMATS`.
        blocks: how many packets it holds at least, of all streams together; 0 if the demuxer knows it itself.
    """

    name: str
    blocks: int

    @property
    def demuxer(self) -> str:
        """FFmpeg's demuxer for it."""
        return DEMUXERS[self.name]


def video_container(data: bytes, formats: tuple[str, ...]) -> Container:
    """Returns the container of a video.

    Args:
        data: the file.
        formats: what the field accepts.

    Raises:
        MediaRefused: it is none of them, ends before its parts do, or has too many streams.
    """
    found = video_format(data)
    if found is None or found not in formats:
        what = _other(data) if found is None else f"{with_article(VIDEO_FORMATS[found].label)} video"
        raise MediaRefused(video_format_problem(what, [VIDEO_FORMATS[name].label for name in formats]))
    # Of the boxes of an MP4, the demuxer itself knows how many packets are in them.
    blocks = _blocks(data) if DEMUXERS[found] == "matroska" else _boxes(data)
    if blocks is None:
        raise incomplete(found)
    return Container(found, blocks)


def incomplete(container: str) -> MediaRefused:
    """The refusal of an incomplete file."""
    return MediaRefused(f"is not a complete {VIDEO_FORMATS[container].label} video; it is truncated or damaged")


def too_many_streams(count: int) -> MediaRefused:
    """The refusal of a file with more than `MAX_STREAMS`."""
    return MediaRefused(f"holds {count:,} streams; at most {MAX_STREAMS} are allowed")


def _other(data: bytes) -> str:
    for at, mark, name in _OTHERS:
        if data[at : at + len(mark)] == mark:
            return name
    if len(data) > _TRANSPORT_PACKET and data[0] == data[_TRANSPORT_PACKET] == _TRANSPORT_SYNC:
        return "an MPEG transport stream"
    found = file_description(data)
    return "not a video of a known container" if found in (None, "a video") else str(found)


def _boxes(data: bytes) -> int | None:
    """0 if the outermost boxes of an MP4 or QuickTime file fill it, and the one with the index is there; else None."""
    at, seen = 0, set[bytes]()
    for _ in range(_MAX_PARTS):
        if at == len(data):
            return 0 if b"moov" in seen else None
        size, header = int.from_bytes(data[at : at + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            # Up to the end of the file. Four zero bytes end a QuickTime file as well.
            size = len(data) - at
            header = min(header, size)
        if size < header or at + size > len(data):
            return None
        seen.add(kind := data[at + 4 : at + 8])
        if kind == b"moov":
            _check_streams(_traks(data, at + header, at + size))
        at += size
    return None


def _traks(data: bytes, at: int, end: int) -> int:
    """How many streams an index of an MP4 has. What is no box ends it, and is the demuxer's to judge."""
    found = 0
    for _ in range(_MAX_PARTS):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size < 8 or at + size > end:  # noqa: PLR2004 - a size and a kind
            break
        found += kind == b"trak"
        at += size
    return found


def _check_streams(count: int) -> None:
    """Before the demuxer opens each, which takes time, and from a thousand on fails as if there were no memory left."""
    if count > MAX_STREAMS:
        raise too_many_streams(count)


def _blocks(data: bytes) -> int | None:
    """How many blocks a Matroska or WebM file holds; None if an element does not lie within the one around it."""
    _, _, header_end = _content(data, 0)
    if header_end is None:
        return None
    name, at, end = _content(data, header_end)
    # What stands behind the segment is not read. A recording does not know how long it gets, nor its clusters.
    whole = len(data) if end is None else end
    if name != _SEGMENT or whole > len(data):
        return None
    blocks, around = 0, whole
    for _ in range(_MAX_PARTS):
        if at == whole:
            return blocks
        if at == around:
            around = whole
        name, content, stop = _content(data, at)
        if not name or (stop is not None and stop > around):
            return None
        if name == _CLUSTER:
            at, around = content, whole if stop is None else stop
            continue
        if stop is None:
            return None
        if name == _TRACKS:
            _check_streams(_track_entries(data, content, stop))
        blocks += name in _BLOCKS
        at = stop
    return None


def _track_entries(data: bytes, at: int, end: int) -> int:
    """How many streams an element of tracks describes."""
    found = 0
    for _ in range(_MAX_PARTS):
        name, _, stop = _content(data, at)
        if not name or stop is None or stop > end:
            break
        found += name == _TRACK
        at = stop
    return found


def _content(data: bytes, at: int) -> tuple[int, int, int | None]:
    """The id, start and end of the content of the element at an offset: id 0 if there is none, no end if unknown."""
    name, name_size = _number(data, at, keep_marker=True)
    size, size_size = _number(data, at + name_size, keep_marker=False)
    if not name_size or not size_size:
        return 0, at, None
    start = at + name_size + size_size
    unknown = size == (1 << 7 * size_size) - 1
    return name, start, None if unknown else start + size


def _number(data: bytes, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length, and how many bytes it takes: 0 if there is none."""
    first = data[at] if at < len(data) else 0
    size = 9 - first.bit_length()
    if not first or at + size > len(data):
        return 0, 0
    number = int.from_bytes(data[at : at + size], "big")
    return (number if keep_marker else number & ((1 << 7 * size) - 1)), size
