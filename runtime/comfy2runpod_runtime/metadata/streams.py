"""Videos and sounds without what they tell beside frames and samples: the same packets in a new container.

A container is left as it is if it is as FFmpeg writes one without metadata. What is known of no harm is copied; for all
else, in whatever part, the packets are copied into a new one.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from comfy2runpod_runtime.metadata.sounds import tells_nothing

# What FFmpeg tells of each container and stream, and a program that writes by it does not choose.
_HARMLESS_KEYS = frozenset(
    {
        "compatible_brands", "creation_time", "duration", "encoder", "handler_name", "language", "major_brand",
        "minor_version", "vendor_id", "_statistics_writing_app", "alpha_mode",
    }
)  # fmt: skip
_LONGEST_HARMLESS = 64
# Boxes of MP4 that hold boxes, those that hold none, and those that fill a gap.
_BOXES_OF_BOXES = frozenset({b"moov", b"trak", b"mdia", b"minf", b"edts", b"dinf", b"mvex", b"moof", b"traf", b"mfra"})
_BOXES = frozenset(
    {
        b"ftyp", b"styp", b"mdat", b"sidx", b"mvhd", b"iods", b"tkhd", b"tref", b"elst", b"mdhd", b"hdlr", b"vmhd",
        b"smhd", b"nmhd", b"dref", b"stbl", b"mehd", b"trex", b"mfhd", b"tfhd", b"tfdt", b"trun", b"tfra", b"mfro",
        b"sbgp", b"sgpd", b"saio", b"saiz",
    }
)  # fmt: skip
_GAPS = frozenset({b"free", b"skip", b"wide"})
# Elements of Matroska: a segment, and in it those that tell of the packets, those that tell texts too, and a gap.
_HEADER, _SEGMENT = 0x1A45DFA3, 0x18538067
_ELEMENTS = frozenset({0x114D9B74, 0x1654AE6B, 0x1C53BB6B, 0x1F43B675, 0xBF})
_ELEMENTS_WITH_TEXTS = frozenset({0x1549A966, 0x1254C367})
_VOID = 0xEC
_MOST_PARTS = 100_000
_MUXERS: Mapping[str, str] = {"matroska,webm": "webm", "mov,mp4,m4a,3gp,3g2,mj2": "mp4"}


def remuxed(path: Path, target: Path) -> Path:
    """Returns the file, or the target with the same packets if the file tells more than FFmpeg tells of itself.

    Raises:
        av.FFmpegError: the file cannot be read.
    """
    with av.open(path) as old:
        streams = [stream for stream in old.streams if _is_shown(stream)]
        if len(streams) == len(old.streams) and _harmless_notes(old) and _known_parts(path, old.format.name):
            return path
        # What FFmpeg writes of itself, and of when, makes no two files equal either.
        with av.open(target, "w", format=_muxer(old), options={"fflags": "+bitexact"}) as new:
            copies = {}
            for stream in streams:
                copies[stream.index] = copy = new.add_stream_from_template(stream)
                copy.metadata.clear()
                rate = stream.average_rate if isinstance(stream, av.VideoStream) else None
                if isinstance(copy, av.VideoStream) and rate is not None:
                    # Matroska keeps it beside the frames' times.
                    copy.codec_context.framerate = rate
            for packet in old.demux(streams):
                if packet.dts is not None:
                    packet.stream = copies[packet.stream.index]
                    new.mux(packet)
    return target


def _muxer(container: InputContainer) -> str:
    """FFmpeg's name of a format for writing; some have one name for a family when they are read."""
    name = container.format.name
    return _MUXERS.get(name, name)


def _is_shown(stream: Stream) -> bool:
    """Whether it is the frames or the sound, and no cover picture, subtitle or attached file."""
    return isinstance(stream, av.VideoStream | av.AudioStream) and not stream.disposition & Disposition.attached_pic


def _harmless_notes(container: InputContainer) -> bool:
    notes = [container.metadata, *(stream.metadata for stream in container.streams)]
    return not container.chapters() and all(
        key.lower() in _HARMLESS_KEYS and len(value) <= _LONGEST_HARMLESS
        for note in notes
        for key, value in note.items()
    )


def _known_parts(path: Path, container: str) -> bool:
    """Whether all parts of the file, also those of which FFmpeg tells nothing, are known to hold no text."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            if container.startswith("mov"):
                return _mp4(data, 0, len(data), 0)
            if container.startswith("matroska"):
                return _matroska(data)
        except (struct.error, IndexError):
            return False
    # All comments of Ogg are among the metadata.
    return container == "ogg"


def _mp4(data: mmap.mmap, at: int, end: int, depth: int) -> bool:
    for _ in range(_MOST_PARTS):
        if at >= end:
            return at == end
        size, name = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        elif size == 0 and depth == 0:
            size = end - at
        if size < start - at or at + size > end:
            return False
        if not _box(data, name, start, at + size, depth):
            return False
        at += size
    return False


def _box(data: mmap.mmap, name: bytes, start: int, end: int, depth: int) -> bool:
    if name in _BOXES_OF_BOXES:
        return _mp4(data, start, end, depth + 1)
    if name in _GAPS:
        return not any(data[start:end].strip(b"\0"))
    if name == b"hdlr":
        return tells_nothing(data[start + 12 : end])
    return name in _BOXES or (name == b"udta" and tells_nothing(data[start:end]))


def _matroska(data: mmap.mmap) -> bool:
    at, whole = 0, len(data)
    for _ in range(_MOST_PARTS):
        if at >= whole:
            return at == whole
        name, name_size = _number(data, at, keep_marker=True)
        size, size_size = _number(data, at + name_size, keep_marker=False)
        start = at + name_size + size_size
        end = start + size
        if name == _SEGMENT:
            at = start
            whole = min(end, whole)
            if end != len(data):
                return False
            continue
        if end > whole or not _element(data, name, start, end):
            return False
        at = end
    return False


def _element(data: mmap.mmap, name: int, start: int, end: int) -> bool:
    if name == _VOID:
        return not any(data[start:end].strip(b"\0"))
    if name in _ELEMENTS_WITH_TEXTS:
        return tells_nothing(data[start:end])
    return name in _ELEMENTS or name == _HEADER


def _number(data: mmap.mmap, at: int, *, keep_marker: bool) -> tuple[int, int]:
    """A number of variable length, and how many bytes it takes."""
    size = 9 - data[at].bit_length()
    number = int.from_bytes(data[at : at + size], "big")
    return (number if keep_marker else number & ((1 << 7 * size) - 1)), size
