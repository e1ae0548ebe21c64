"""A saved file without the prompt that ComfyUI writes into it.

The worker's own ComfyUI writes none (`--disable-metadata`). One that it is attached to does, unless it was started so,
and then the same seed gives another file each time, and whoever gets it can read how the endpoint works. The image,
the frames and the samples stay as they are, bit for bit.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import av

from comfy2runpod_runtime.errors import OutputInvalid

_PNG = b"\x89PNG\r\n\x1a\n"
# Texts, EXIF, and the chunk of its own in which ComfyUI keeps the prompt of an animated PNG.
_PNG_NOTES = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"comf"})
_WEBP_NOTES = frozenset({b"EXIF", b"XMP "})
# In VP8X, which says what the file holds.
_WEBP_HAS_NOTES = 0x08 | 0x04
_GLB_JSON = b"JSON"


def stripped(path: Path, media_type: str) -> Path:
    """The file without the prompt, beside the one given; that one itself if it holds none.

    Raises:
        OutputInvalid: a file that decodes, and whose parts do not fit together all the same.
    """
    family, _, kind = media_type.partition("/")
    try:
        if media_type == "image/png":
            return _rewritten(path, _png(path.read_bytes()))
        if media_type == "image/webp":
            return _rewritten(path, _webp(path.read_bytes()))
        if media_type == "model/gltf-binary":
            return _rewritten(path, _glb(path.read_bytes()))
        if family in ("video", "audio"):
            return _remuxed(path)
    except (struct.error, ValueError, KeyError, av.FFmpegError) as error:
        raise OutputInvalid(f"{path.name} is not a whole {kind} file ({type(error).__name__}).") from error
    return path


def _rewritten(path: Path, content: bytes | None) -> Path:
    if content is None:
        return path
    target = _beside(path)
    target.write_bytes(content)
    return target


def _beside(path: Path) -> Path:
    return path.with_stem(f"{path.stem}-stripped")


def _png(content: bytes) -> bytes | None:
    """Chunks: length, name, data, checksum."""
    kept, found, at = [_PNG], False, len(_PNG)
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        end = at + 12 + length
        if content[at + 4 : at + 8] in _PNG_NOTES:
            found = True
        else:
            kept.append(content[at:end])
        at = end
    return b"".join(kept) if found else None


def _webp(content: bytes) -> bytes | None:
    """RIFF: name, length and data of each chunk, the data padded to an even length."""
    chunks = [*_riff(content)]
    if not any(name in _WEBP_NOTES for name, _ in chunks):
        return None
    body = bytearray(b"WEBP")
    for name, said in chunks:
        if name in _WEBP_NOTES:
            continue
        data = bytes([said[0] & ~_WEBP_HAS_NOTES]) + said[1:] if name == b"VP8X" else said
        body += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + bytes(body)


def _riff(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        (length,) = struct.unpack_from("<I", content, at + 4)
        yield content[at : at + 4], content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _glb(content: bytes) -> bytes | None:
    """A header of 12 bytes; then the JSON chunk, which is padded with spaces, and the others."""
    length, name = struct.unpack_from("<I4s", content, 12)
    document = json.loads(content[20 : 20 + length])
    if name != _GLB_JSON or not document["asset"].pop("extras", None):
        return None
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    rest = content[20 + length :]
    header = content[:8] + struct.pack("<I", 20 + len(text) + len(rest))
    return header + struct.pack("<I4s", len(text), _GLB_JSON) + text + rest


def _remuxed(path: Path) -> Path:
    """The same packets in a new container of the same format, if the old one tells of a prompt."""
    with av.open(path) as old:
        notes = [old.metadata, *(stream.metadata for stream in old.streams)]
        if not any(key.lower() == "prompt" for note in notes for key in note):
            return path
        target = _beside(path)
        # What FFmpeg writes of itself, and of when, makes no two files equal either.
        with av.open(target, "w", format=_muxer(old), options={"fflags": "+bitexact"}) as new:
            streams = {}
            for stream in old.streams:
                streams[stream.index] = copy = new.add_stream_from_template(stream)
                copy.metadata.clear()
                rate = stream.average_rate if isinstance(stream, av.VideoStream) else None
                if isinstance(copy, av.VideoStream) and rate is not None:
                    # Matroska keeps it beside the frames' times.
                    copy.codec_context.framerate = rate
            for packet in old.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    new.mux(packet)
    return target


def _muxer(container: av.container.InputContainer) -> str:
    """FFmpeg's name of a format for writing; some have one name for a family when they are read."""
    name = container.format.name
    if name.startswith("matroska"):
        return "webm"
    return "mp4" if name.startswith("mov") else name
