"""Videos of many kinds that must be refused, made by PyAV and by hand, each with the expected message."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import TypeAlias

import av
import numpy as np
from PIL import Image

from tests.video_files import Clip, made, text_of

Maker: TypeAlias = Callable[[], bytes]


@cache
def whole(container: str = "mp4") -> bytes:
    """A video that is taken, of a size that nothing compresses to a few bytes."""
    codec = "libvpx" if container == "webm" else "libx264"
    return made(
        Clip(container, codec, size=(160, 128), frames=24, sound=("libopus" if codec == "libvpx" else "aac", 48000))
    )


def boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """The outermost boxes of an MP4: kind, start and end."""
    found, at = [], 0
    while at < len(data):
        size = struct.unpack_from(">I", data, at)[0]
        found.append((data[at + 4 : at + 8], at, at + size))
        at += size
    return found


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def without(kind: bytes) -> bytes:
    """An MP4 that lacks a box."""
    data = whole()
    return b"".join(data[start:end] for name, start, end in boxes(data) if name != kind)


def changed(data: bytes, old: bytes, new: bytes, count: int = -1) -> bytes:
    assert old in data
    assert len(old) == len(new)
    return data.replace(old, new, count)


def damaged(data: bytes, kind: bytes, share: float = 0.5) -> bytes:
    """Some hundred bytes of a box overwritten."""
    ((_, start, end),) = [found for found in boxes(data) if found[0] == kind]
    at = start + 8 + int((end - start) * share * 0.9)
    return data[:at] + bytes(value ^ 0xA5 for value in data[at : at + 400]) + data[at + 400 :]


def sound_alone() -> bytes:
    return _muxed("mp4", [("aac", {})])


def still_with_sound() -> bytes:
    """A sound with its cover, which is an attached picture."""
    out = BytesIO()
    with av.open(out, "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=48000)
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 48000), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 48000
        for packet in [*cover.encode(av.VideoFrame(64, 64, "yuvj420p")), *cover.encode(None)]:
            container.mux(packet)
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=48000, frame_size=1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return out.getvalue()


def _muxed(form: str, kinds: list[tuple[str, dict[str, str]]], size: tuple[int, int] = (64, 48)) -> bytes:
    """One frame, or a second of silence, of each encoder."""
    out = BytesIO()
    with av.open(out, "w", format=form) as container:
        streams = []
        for codec, options in kinds:
            stream = container.add_stream(codec, rate=48000 if codec in ("aac", "mp2") else 24, options=options)
            if isinstance(stream, av.VideoStream):
                stream.width, stream.height = size
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            streams.append(stream)
        for stream in streams:
            if isinstance(stream, av.VideoStream):
                packets = [*stream.encode(av.VideoFrame(*size, "yuv420p")), *stream.encode(None)]
            else:
                frame = av.AudioFrame(format=stream.format.name, layout="stereo", samples=1152)
                for plane in frame.planes:
                    plane.update(bytes(plane.buffer_size))
                frame.sample_rate = 48000
                packets = [*stream.encode(frame), *stream.encode(None)]
            for packet in packets:
                container.mux(packet)
    return out.getvalue()


def many_streams(count: int) -> bytes:
    return _muxed("matroska", [("mpeg4", {})] * count)


def many_tracks(count: int) -> bytes:
    """An MP4 whose first track stands in its index so often."""
    data = whole()
    ((_, start, end),) = [found for found in boxes(data) if found[0] == b"moov"]
    index = data[start + 8 : end]
    inner = {kind: index[at:stop] for kind, at, stop in reversed(boxes(index))}
    return data[:start] + box(b"moov", inner[b"mvhd"] + inner[b"trak"] * count) + data[end:]


def many_track_entries(count: int) -> bytes:
    """A Matroska file of a head and of so many descriptions of a track."""
    entry = b"\xae\x83\xd7\x81\x01"
    tracks = b"\x16\x54\xae\x6b" + (len(entry) * count | 1 << 56).to_bytes(8, "big") + entry * count
    segment = b"\x18\x53\x80\x67" + (len(tracks) | 1 << 56).to_bytes(8, "big") + tracks
    return b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska" + segment


def size_changes(codec: str, container: str, to: tuple[int, int] = (96, 80)) -> bytes:
    """Frames of one size after those of another, in one stream: the encoder of each says so in its own frames."""
    out = BytesIO()
    with av.open(out, "w", format=container) as target:
        stream = target.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        packets = []
        for part, size in enumerate(((64, 48), to)):
            encoder = av.CodecContext.create(codec, "w")
            encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
            encoder.time_base, encoder.framerate = Fraction(1, 24), Fraction(24)
            encoder.options = {"bf": "0"} if codec == "libx264" else {}
            for number in range(6):
                frame = av.VideoFrame.from_ndarray(
                    np.full((size[1] * 3 // 2, size[0]), 40 + number, np.uint8), "yuv420p"
                )
                frame.pts = part * 6 + number
                packets += encoder.encode(frame)
            packets += encoder.encode(None)
        for packet in packets:
            packet.stream = stream
            target.mux(packet)
    return out.getvalue()


def external(alias: bytes) -> bytes:
    """An MP4 whose samples lie in another file, named by a data reference."""
    data = whole()
    old = box(b"url ", struct.pack(">I", 1))
    start = data.index(old)
    # A QuickTime alias: the volume, and the path as its own record.
    path = alias.ljust(64, b"\0")
    record = struct.pack(">I", 0) + bytes(150) + struct.pack(">hH", 2, len(path)) + path + struct.pack(">hH", -1, 0)
    new = box(b"alis", record)
    grown = bytearray(data[:start] + new + data[start + len(old) :])
    # Each box around it has grown.
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        at = data.rindex(kind, 0, start) - 4
        size = struct.unpack_from(">I", grown, at)[0]
        struct.pack_into(">I", grown, at, size + len(new) - len(old))
    return bytes(grown)


def far_apart() -> bytes:
    """Two frames, hours apart."""
    return made(Clip("mkv", frames=2, times=[0, 40_000_000]))


def image(kind: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (64, 48), "red").save(out, kind)
    return out.getvalue()


def avi() -> bytes:
    return _muxed("avi", [("mpeg4", {})])


def _of(**more: object) -> Maker:
    return lambda: made(replace(Clip(), **more))  # type: ignore[arg-type]


@cache
def made_flat(size: tuple[int, int], count: int) -> bytes:
    """Frames of one colour, each a few bytes."""
    out = BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=1000, options={"preset": "ultrafast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((size[1] * 3 // 2, size[0]), 80, np.uint8), format="yuv420p")
        for number in range(count):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def lying_sample_sizes() -> bytes:
    """An MP4 whose table of samples leads out of the file."""
    data = bytearray(whole())
    at = data.index(b"stco") + 8
    count = struct.unpack_from(">I", data, at)[0]
    for number in range(count):
        struct.pack_into(">I", data, at + 4 + 4 * number, len(data) + 1000 * number)
    return bytes(data)


def lost_block() -> bytes:
    """A Matroska file with a frame of a stream that there is none of: a demuxer passes over it in silence."""
    data = bytearray(made(Clip("mkv", "mjpeg", pixels="yuvj420p")))
    # A simple block with a size of two bytes, of stream 1.
    blocks = [found.end() - 1 for found in re.finditer(rb"\xa3[\x40-\x7f].\x81", data, re.DOTALL)]
    data[blocks[5]] = 0x8F
    return bytes(data)


def deep_boxes() -> bytes:
    content = b""
    for _ in range(5000):
        content = box(b"trak", content)
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"moov", content)


def many_boxes() -> bytes:
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"free", b"") * 220_000 + box(b"moov", b"")


def ebml_of_nothing() -> bytes:
    return b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska" + b"\x18\x53\x80\x67\x80"


def matroska_without_end() -> bytes:
    """A Matroska file whose first element says to be of 2^56 bytes."""
    return b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska" + b"\x18\x53\x80\x67\x01" + b"\xff" * 6 + b"\x01" + bytes(100)


# What a field takes that takes 2 MB, 1 megapixel, 60 frames, 10 s, MP4, QuickTime, WebM or Matroska.
FILES: Mapping[str, tuple[Maker, str]] = {
    "png": (lambda: image("PNG"), "is a PNG image; it must be an MP4, QuickTime, WebM or Matroska video"),
    "jpeg": (lambda: image("JPEG"), "is a JPEG image"),
    "webp": (lambda: image("WEBP"), "is a WebP image"),
    "gif": (lambda: image("GIF"), "is a GIF"),
    "avif-signature": (lambda: b"\0\0\0\x20ftypavif" + bytes(60), "is an AVIF"),
    "heic-signature": (lambda: b"\0\0\0\x20ftypheic" + bytes(60), "is a HEIC"),
    "avi": (avi, "is an AVI video"),
    "mpeg-ts": (lambda: _muxed("mpegts", [("mpeg4", {})]), "is an MPEG transport stream"),
    "mpeg-ps": (lambda: _muxed("mpeg", [("mpeg2video", {})]), "is an MPEG program stream"),
    "flv": (lambda: _muxed("flv", [("flv", {})]), "is a Flash video"),
    "wmv": (lambda: _muxed("asf", [("wmv2", {})]), "is a Windows Media file"),
    "ogg": (lambda: b"OggS" + bytes(100), "is an Ogg file"),
    "wav": (lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(60), "is a WAV sound"),
    "mp3": (lambda: b"ID3\4" + bytes(100), "is an MP3 sound"),
    "hls-playlist": (lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "is a playlist"),
    "concat-list": (lambda: b"ffconcat version 1.0\nfile /etc/passwd\n", "is a playlist"),
    "svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG"),
    "dash-manifest": (lambda: b"<?xml version='1.0'?><MPD/>", "is an XML text"),
    "web-page": (lambda: b"<!DOCTYPE html><html></html>", "is a web page"),
    "pdf": (lambda: b"%PDF-1.7", "is a PDF"),
    "zip": (lambda: b"PK\x03\x04", "is a ZIP archive"),
    "plain-text": (lambda: b"hello, this is a text renamed .mp4 " * 3, "is not a video of a known container"),
    "random": (lambda: np.random.default_rng(3).bytes(5000), "is not a video of a known container"),
    "ebml-of-another-kind": (
        lambda: b"\x1a\x45\xdf\xa3\x87\x42\x82\x84test" + bytes(50),
        "is not a video of a known container",
    ),
    "ftyp-alone": (lambda: b"\0\0\0\x14ftypisom\0\0\2\0isom", "is not a complete MP4 video"),
    "ebml-alone": (ebml_of_nothing, "is not a complete Matroska video"),
    "mp4-cut-in-half": (lambda: whole()[: len(whole()) // 2], "is not a complete MP4 video"),
    "mp4-cut-at-the-end": (lambda: whole()[:-20], "is not a complete MP4 video"),
    "mp4-faststart-cut": (
        lambda: made(Clip(size=(160, 128), muxer={"movflags": "faststart"}))[:-500],
        "is not a complete MP4 video",
    ),
    "webm-cut": (lambda: whole("webm")[:-700], "is not a complete WebM video"),
    "mkv-cut": (lambda: whole("mkv")[: len(whole("mkv")) * 2 // 3], "is not a complete Matroska video"),
    "mp4-without-index": (lambda: without(b"moov"), "is not a complete MP4 video"),
    "mp4-without-frames": (lambda: without(b"mdat"), "is not a complete MP4 video"),
    "mp4-damaged-frames": (lambda: damaged(whole(), b"mdat"), "is not a complete MP4 video"),
    "mp4-damaged-index": (lambda: damaged(whole(), b"moov", 0.1), "holds no video"),
    "mkv-damaged-frames": (
        lambda: whole("mkv")[:20000] + bytes(3000) + whole("mkv")[23000:],
        "is not a complete Matroska video",
    ),
    "mkv-with-a-lost-frame": (lost_block, "is not a complete Matroska video"),
    "frames-outside-the-file": (lying_sample_sizes, "is not a complete MP4 video"),
    "box-of-no-size": (lambda: whole()[:32] + struct.pack(">I", 3) + whole()[36:], "is not a complete MP4 video"),
    "element-without-end": (matroska_without_end, "is not a complete Matroska video"),
    "boxes-in-boxes": (deep_boxes, "holds no video"),
    "many-boxes": (many_boxes, "is not a complete MP4 video"),
    "sound-alone": (sound_alone, "holds no video"),
    "sound-with-a-cover": (still_with_sound, "holds no video"),
    "other-file-for-the-frames": (lambda: external(b"/etc/passwd"), "is not a complete MP4 video"),
    "unknown-video-codec": (lambda: changed(whole(), b"avc1", b"zzzz"), "is of an unsupported video codec"),
    "ffv1": (lambda: _muxed("matroska", [("ffv1", {})]), "is of an unsupported video codec"),
    "mpeg2": (lambda: _muxed("matroska", [("mpeg2video", {})]), "is of an unsupported video codec"),
    "mp2-sound": (lambda: _muxed("matroska", [("mpeg4", {}), ("mp2", {})]), "has sound of an unsupported codec"),
    "many-streams": (lambda: many_streams(33), "holds 33 streams; at most 32 are allowed"),
    "hundreds-of-streams": (lambda: many_streams(400), "holds 400 streams"),
    "many-tracks": (lambda: many_tracks(33), "holds 33 streams; at most 32 are allowed"),
    "a-thousand-tracks": (lambda: many_tracks(1001), "holds 1,001 streams; at most 32 are allowed"),
    "thousands-of-entries": (lambda: many_track_entries(3000), "holds 3,000 streams; at most 32 are allowed"),
    "size-changes-h264": (lambda: size_changes("libx264", "matroska"), "changes its size from 64x48 to 96x80"),
    "size-changes-vp8": (lambda: size_changes("libvpx", "webm"), "changes its size from 64x48 to 96x80 in frame 7"),
    "size-changes-mpeg4": (lambda: size_changes("mpeg4", "matroska"), "changes its size from 64x48 to 96x80"),
    "size-grows-beyond-the-limit": (
        lambda: size_changes("libvpx", "webm", (4096, 4096)),
        "is not a complete WebM video",
    ),
    "pixel-bomb": (lambda: made_flat((4096, 4096), 2), "4096x4096 has 16.8 megapixels; at most 1 are allowed"),
    "many-pixels": (_of(size=(1202, 1000)), "1202x1000 has 1.2 megapixels; at most 1 are allowed"),
    "long-and-thin": (_of(size=(1400, 32)), "1400x32 is too long and thin"),
    "too-small": (_of(size=(8, 8), codec="mpeg4"), "8x8 is too small; a side must have at least 16 pixels"),
    "many-frames": (_of(frames=61), "has more than 60 frames, the most that are allowed"),
    "frame-bomb": (lambda: made_flat((640, 480), 3000), "has more than 60 frames, the most that are allowed"),
    "many-seconds": (_of(frames=12, rate=Fraction(1)), "lasts 12.0 s; at most 10 s are allowed"),
    "frames-hours-apart": (far_apart, "lasts 400"),
    "much-sound": (_of(sound=("aac", 48000), sound_seconds=30.0), "has sound of more than 10 s"),
    "many-bytes": (lambda: bytes(2_000_001), "has 2,000,001 bytes; at most 2 MB are allowed"),
}

VALUES: Mapping[str, tuple[object, str]] = {
    "not-a-text": (5, "must be a text, not 5"),
    "null": (None, "must be a text, not null"),
    "object": ({"url": "https://example.com"}, "must be a text, not an object"),
    "empty-text": ("", "must not be empty"),
    "spaces": ("   ", "is empty"),
    "a-name": ("clip.mp4", "is neither base64 nor a URL"),
    "a-path": ("/etc/passwd", "is neither base64 nor a URL"),
    "a-path-up": ("../../etc/passwd", "is neither base64 nor a URL"),
    "an-annotated-name": ("clip.mp4 [output]", "is neither base64 nor a URL"),
    "bad-padding": (text_of(b"x" * 100).rstrip("=") + "===", "is neither base64 nor a URL"),
    "data-url-without-base64": ("data:video/mp4,abc", "is a data URL that is not in base64 (data:video/mp4;base64,…)"),
    "data-url-empty": ("data:video/mp4;base64,", "is empty"),
    "file-url": ("file:///etc/passwd", "is a URL with an unsupported scheme"),
    "concat-protocol": ("concat:/etc/passwd|/etc/hosts", "is a URL with an unsupported scheme"),
    "rtmp-url": ("rtmp://example.com/live", "is a URL with an unsupported scheme"),
    "http-url": ("http://example.com/a.mp4", "the URL is not https"),
    "url-with-password": ("https://me:secret@example.com/a.mp4", "holds a user name or a password"),
    "loopback": ("https://127.0.0.1/a.mp4", "is not at a public address"),
    "metadata": ("https://169.254.169.254/latest/meta-data", "is not at a public address"),
    "private": ("https://192.168.1.1/a.mp4", "is not at a public address"),
    "no-such-host": ("https://nowhere.invalid/a.mp4", "its host has no address"),
    "far-too-many-bytes": ("A" * 4_000_000, "has more than 2 MB, the largest size that is allowed"),
}


def values() -> dict[str, tuple[object, str]]:
    """Every case as it is sent, and what the message says."""
    return {**VALUES, **{name: (text_of(make()), said) for name, (make, said) in FILES.items()}}
