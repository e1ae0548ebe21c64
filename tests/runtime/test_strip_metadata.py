"""The metadata that ComfyUI, and others, write into a file is removed from an answer, and nothing else."""

from __future__ import annotations

import base64
import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.metadata.strip import stripped

Write = Callable[[Path, str], None]


def frames(count: int = 3) -> list[Image.Image]:
    noise = np.random.default_rng(3)
    return [Image.fromarray(noise.integers(0, 255, (48, 64, 3), dtype=np.uint8)) for _ in range(count)]


def png(path: Path, prompt: str) -> None:
    info = PngInfo()
    if prompt:
        info.add_text("prompt", prompt)
    frames(1)[0].save(path, "PNG", pnginfo=info)


def animated_png(path: Path, prompt: str) -> None:
    info = PngInfo()
    if prompt:
        info.add(b"comf", b"prompt\0" + prompt.encode(), after_idat=True)
    first, *rest = frames()
    first.save(path, "PNG", pnginfo=info, save_all=True, append_images=rest, duration=125)


def webp(path: Path, prompt: str) -> None:
    first, *rest = frames()
    exif = first.getexif()
    exif[0x0110] = f"prompt:{prompt}"
    notes = {"exif": exif} if prompt else {}
    first.save(path, "WEBP", **notes, save_all=True, append_images=rest, duration=125, lossless=True)


def jpeg(path: Path, prompt: str) -> None:
    """As ComfyUI's nodes write WebP: no node of its own writes JPEG."""
    image = frames(1)[0]
    exif = Image.Exif()
    exif[0x0110] = f"prompt:{prompt}"
    image.save(path, "JPEG", **({"exif": exif} if prompt else {}))


def gif(path: Path, prompt: str) -> None:
    first, *rest = frames()
    notes = {"comment": prompt} if prompt else {}
    first.save(path, "GIF", save_all=True, append_images=rest, duration=120, loop=0, **notes)


def svg(path: Path, prompt: str) -> None:
    """As SaveSVGNode writes it, also with --disable-metadata."""
    told = f"<metadata>\n<![CDATA[\n{prompt}\n]]>\n</metadata>\n" if prompt else ""
    path.write_text(
        f'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9">\n{told}<path d="M0 0 >"/>é</svg>\n',
        encoding="utf-8",
    )


def glb(path: Path, prompt: str) -> None:
    asset = {"version": "2.0", **({"extras": {"prompt": prompt}} if prompt else {})}
    text = json.dumps({"asset": asset, "buffers": [{"byteLength": 8}]}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", 8, b"BIN\0") + b"12345678"
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body)


def moving(kind: str, video: str, audio: str) -> Write:
    def write(path: Path, prompt: str) -> None:
        options = {"movflags": "use_metadata_tags"} if kind == "mp4" else {}
        with av.open(path, "w", format=kind, options=options) as out:
            if prompt:
                # A WAV has only tags that its format names.
                out.metadata["comment" if kind == "wav" else "prompt"] = prompt
            images = out.add_stream(video, rate=24) if video else None
            sound = out.add_stream(audio, rate=48000, layout="stereo") if audio else None
            if isinstance(images, av.VideoStream):
                images.width, images.height, images.pix_fmt = 64, 48, "yuv420p"
                for image in frames(9):
                    out.mux(images.encode(av.VideoFrame.from_image(image)))
                out.mux(images.encode())
            if isinstance(sound, av.AudioStream):
                samples = np.random.default_rng(3).normal(0, 0.1, (2, 18000)).astype(np.float32)
                frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
                frame.sample_rate = 48000
                resampler = av.AudioResampler(format=sound.format.name, layout="stereo", rate=48000)
                for part in resampler.resample(frame):
                    out.mux(sound.encode(part))
                out.mux(sound.encode())

    return write


KINDS: list[tuple[str, str, Write]] = [
    ("a.png", "image/png", png),
    ("b.png", "image/png", animated_png),
    ("c.webp", "image/webp", webp),
    ("d.mp4", "video/mp4", moving("mp4", "libx264", "aac")),
    ("e.webm", "video/webm", moving("webm", "libvpx-vp9", "")),
    ("f.flac", "audio/flac", moving("flac", "", "flac")),
    ("g.mp3", "audio/mpeg", moving("mp3", "", "libmp3lame")),
    ("h.opus", "audio/ogg", moving("ogg", "", "libopus")),
    ("i.glb", "model/gltf-binary", glb),
    ("j.jpg", "image/jpeg", jpeg),
    ("k.gif", "image/gif", gif),
    ("l.svg", "image/svg+xml", svg),
    ("m.wav", "audio/wav", moving("wav", "", "pcm_s16le")),
    ("n.m4a", "audio/mp4", moving("mp4", "", "aac")),
    ("o.webm", "video/webm", moving("webm", "libvpx-vp9", "libopus")),
]
# Of a prompt and a graph that are in files; in none of what callers get.
MARKERS = (
    *("prompt", "workflow", "class_type", "inputs", "SaveImage", "KSampler", "filename_prefix", "widgets_values"),
    *("a very private cat", "my private title", "92:4711", "control_after_generate"),
)
PROMPT = json.dumps(
    {
        "92:4711": {
            "class_type": "KSampler",
            "inputs": {"text": "a very private cat", "control_after_generate": "fixed"},
            "_meta": {"title": "my private title"},
        },
        "1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "comfy2runpod/%s"}},
        "workflow": {"widgets_values": ["prompt"]},
    }
)


def markers_in(content: bytes) -> set[str]:
    """The markers in a file's bytes, also in UTF-16 and base64, and in whatever of it can be inflated."""
    found = set()
    for text in (content, *inflated(content)):
        for marker in MARKERS:
            encoded = base64.b64encode(marker.encode())[:-4]
            forms = (marker.encode(), marker.encode("utf-16-le"), *((encoded,) if len(encoded) > 8 else ()))
            found |= {marker for form in forms if form in text}
    return found


def inflated(content: bytes) -> Iterator[bytes]:
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", content):
        with suppress(zlib.error):
            yield zlib.decompressobj(47).decompress(content[match.start() :], 1 << 20)


def shown(path: Path) -> list[tuple[object, ...]]:
    """Each frame and each piece of sound: when, and what."""
    if path.suffix == ".glb":
        return [(path.read_bytes()[-16:],)]
    if path.suffix == ".svg":
        root = ElementTree.parse(path).getroot()
        return [(part.tag, *part.items()) for part in root.iter() if not part.tag.endswith("metadata")]
    if path.suffix in (".png", ".webp", ".jpg", ".gif"):
        with Image.open(path) as image:
            return [
                (frame.info.get("duration"), frame.convert("RGBA").tobytes()) for frame in ImageSequence.Iterator(image)
            ]
    with av.open(path) as container:
        rates = [(stream.average_rate,) for stream in container.streams.video]
        parts = [
            (type(frame).__name__, frame.time, frame.to_ndarray().tobytes())
            for frame in container.decode()
            if isinstance(frame, av.VideoFrame | av.AudioFrame)
        ]
        return [*rates, *sorted(parts, key=lambda part: part[:2])]


@pytest.mark.parametrize(("name", "media_type", "write"), KINDS, ids=[name for name, _, _ in KINDS])
def test_the_prompt_is_gone_and_nothing_else(tmp_path: Path, name: str, media_type: str, write: Write) -> None:
    one, other = tmp_path / f"1{name}", tmp_path / f"2{name}"
    write(one, PROMPT % "one")
    write(other, PROMPT % "another")
    assert markers_in(one.read_bytes()) == {*MARKERS}
    assert one.read_bytes() != other.read_bytes()
    clean = stripped(one, media_type)
    assert clean != one
    assert markers_in(clean.read_bytes()) == set()
    assert clean.read_bytes() == stripped(other, media_type).read_bytes(), "the same image is the same file"
    assert shown(clean) == shown(one)
    assert stripped(clean, media_type) == clean


@pytest.mark.parametrize(("name", "media_type", "write"), KINDS, ids=[name for name, _, _ in KINDS])
def test_a_file_without_a_prompt_stays_as_it_is(tmp_path: Path, name: str, media_type: str, write: Write) -> None:
    write(tmp_path / name, "")
    before = (tmp_path / name).read_bytes()
    assert stripped(tmp_path / name, media_type) == tmp_path / name
    assert (tmp_path / name).read_bytes() == before


# Places in which others than ComfyUI's nodes keep texts, or in which one may be left behind.
SECRET = (PROMPT % "one").encode()
ZIPPED = zlib.compress(SECRET)


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def in_png(chunk: bytes) -> Callable[[bytes], bytes]:
    """Before the image's data."""
    return lambda content: content[:33] + chunk + content[33:]


def riff_with(chunk: bytes) -> Callable[[bytes], bytes]:
    def added(content: bytes) -> bytes:
        body = content[8:] + chunk + b"\0" * (len(chunk) % 2)
        return content[:4] + struct.pack("<I", len(body)) + body

    return added


def riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def jpeg_segment(marker: int, data: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data + content[2:]


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), name) + data


def in_moov(name: bytes) -> Callable[[bytes], bytes]:
    """A box at the end of the index, which stands behind the data in these files."""

    def added(content: bytes) -> bytes:
        at = content.index(b"moov") - 4
        (size,) = struct.unpack_from(">I", content, at)
        assert at + size == len(content)
        return content[:at] + box(b"moov", content[at + 8 :] + box(name, SECRET))

    return added


def flac_block(kind: int) -> Callable[[bytes], bytes]:
    """Behind the first block, which describes the stream."""
    block = bytes([kind]) + len(SECRET).to_bytes(3, "big") + SECRET
    return lambda content: content[:42] + block + content[42:]


def flac_picture(content: bytes) -> bytes:
    picture = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">I", len(SECRET)) + SECRET
    image = io.BytesIO()
    frames(1)[0].save(image, "PNG")
    picture += struct.pack(">IIIII", 64, 48, 24, 0, len(image.getvalue())) + image.getvalue()
    return content[:42] + bytes([6]) + len(picture).to_bytes(3, "big") + picture + content[42:]


def id3(frame: bytes, data: bytes) -> Callable[[bytes], bytes]:
    def added(content: bytes) -> bytes:
        body = frame + struct.pack(">I", len(data)) + b"\0\0" + data
        size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
        return b"ID3\x03\0\0" + size + body + content

    return added


def in_webm(element: bytes) -> Callable[[bytes], bytes]:
    """At the end of the segment, which lasts to the end of the file."""

    def added(content: bytes) -> bytes:
        at = content.index(b"\x18\x53\x80\x67") + 4
        length = int.from_bytes(content[at + 1 : at + 8], "big") + len(element)
        return content[:at] + b"\x01" + length.to_bytes(7, "big") + content[at + 8 :] + element

    return added


def element(name: bytes, data: bytes) -> bytes:
    return name + b"\x10" + len(data).to_bytes(3, "big") + data


def attachment() -> bytes:
    file = element(b"\x46\x6e", b"a.json") + element(b"\x46\x60", b"text/plain") + element(b"\x46\x5c", SECRET)
    file += element(b"\x46\xae", b"\x01")
    return element(b"\x19\x41\xa4\x69", element(b"\x61\xa7", file))


def glb_document(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        (length,) = struct.unpack_from("<I", content, 12)
        document = json.loads(content[20 : 20 + length])
        change(document)
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        body = struct.pack("<I4s", len(text), b"JSON") + text + content[20 + length :]
        return content[:8] + struct.pack("<I", 12 + len(body)) + body

    return changed


def glb_chunk(content: bytes) -> bytes:
    data = SECRET + b" " * (-len(SECRET) % 4)
    body = content[12:] + struct.pack("<I4s", len(data), b"TEXT") + data
    return content[:8] + struct.pack("<I", 12 + len(body)) + body


def svg_with(text: bytes, before: bytes = b"</svg>") -> Callable[[bytes], bytes]:
    return lambda content: content.replace(before, text + before, 1)


_XMP = b"<x:xmpmeta><rdf:li>" + SECRET + b"</rdf:li></x:xmpmeta>"
PLACES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "png: text": ("a.png", in_png(png_chunk(b"tEXt", b"Comment\0" + SECRET))),
    "png: compressed text": ("a.png", in_png(png_chunk(b"zTXt", b"prompt\0\0" + ZIPPED))),
    "png: international text": ("a.png", in_png(png_chunk(b"iTXt", b"prompt\0\0\0\0\0" + SECRET))),
    "png: compressed international text": ("a.png", in_png(png_chunk(b"iTXt", b"prompt\0\x01\0\0\0" + ZIPPED))),
    "png: exif": ("a.png", in_png(png_chunk(b"eXIf", b"MM\0*\0\0\0\x08" + SECRET))),
    "png: a program's own": ("a.png", in_png(png_chunk(b"prVt", ZIPPED))),
    "png: behind the end": ("a.png", lambda content: content + SECRET),
    "apng: text": ("b.png", in_png(png_chunk(b"tEXt", b"workflow\0" + SECRET))),
    "webp: exif": ("c.webp", riff_with(riff_chunk(b"EXIF", SECRET))),
    "webp: xmp": ("c.webp", riff_with(riff_chunk(b"XMP ", _XMP))),
    "webp: a program's own": ("c.webp", riff_with(riff_chunk(b"prvt", SECRET))),
    "webp: behind the end": ("c.webp", lambda content: content + SECRET),
    "jpeg: comment": ("j.jpg", jpeg_segment(0xFE, SECRET)),
    "jpeg: exif": ("j.jpg", jpeg_segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08" + SECRET)),
    "jpeg: xmp": ("j.jpg", jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _XMP)),
    "jpeg: photoshop": ("j.jpg", jpeg_segment(0xED, b"Photoshop 3.0\0" + SECRET)),
    "jpeg: a program's own": ("j.jpg", jpeg_segment(0xE2, b"MPF\0" + SECRET)),
    "jpeg: behind the end": ("j.jpg", lambda content: content + SECRET),
    "gif: an application's": ("k.gif", lambda content: content[:-1] + gif_part(0xFF, b"XMP DataXMP") + b";"),
    "gif: text": ("k.gif", lambda content: content[:-1] + gif_part(0x01, b"\0" * 12) + b";"),
    "gif: behind the end": ("k.gif", lambda content: content + SECRET),
    "mp4: a box": ("d.mp4", lambda content: content + box(b"uuid", b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8" * 2 + _XMP)),
    "mp4: free space": ("d.mp4", lambda content: content + box(b"free", SECRET)),
    "mp4: an index's user data": ("d.mp4", in_moov(b"udta")),
    "mp4: an index's gap": ("d.mp4", in_moov(b"skip")),
    "mp4: an index's box": ("d.mp4", in_moov(b"meta")),
    "m4a: free space": ("n.m4a", lambda content: content + box(b"free", SECRET)),
    "webm: void": ("e.webm", in_webm(element(b"\xec", SECRET))),
    "webm: an attached file": ("e.webm", in_webm(attachment())),
    "webm: tags of nothing": ("o.webm", in_webm(element(b"\x12\x54\xc3\x67", element(b"\x73\x73", SECRET)))),
    "webm: behind the end": ("e.webm", lambda content: content + element(b"\xec", SECRET)),
    "flac: an application's": ("f.flac", flac_block(2)),
    "flac: padding": ("f.flac", flac_block(1)),
    "flac: a picture": ("f.flac", flac_picture),
    "mp3: a text": ("g.mp3", id3(b"TXXX", b"\0prompt\0" + SECRET)),
    "mp3: a program's own": ("g.mp3", id3(b"PRIV", b"comfy\0" + SECRET)),
    "mp3: an object": ("g.mp3", id3(b"GEOB", b"\0text/plain\0a\0b\0" + SECRET)),
    "mp3: at the end": ("g.mp3", lambda content: content + b"TAG" + b"a very private cat".ljust(125, b"\0")),
    "mp3: another's at the end": ("g.mp3", lambda content: content + ape()),
    "wav: information": ("m.wav", riff_with(riff_chunk(b"LIST", b"INFO" + riff_chunk(b"ICMT", SECRET)))),
    "wav: id3": ("m.wav", riff_with(riff_chunk(b"id3 ", SECRET))),
    "wav: bext": ("m.wav", riff_with(riff_chunk(b"bext", SECRET.ljust(602, b"\0")))),
    "glb: a scene's extras": ("i.glb", glb_document(lambda it: it.update(scenes=[{"extras": {"prompt": PROMPT}}]))),
    "glb: extras of extras": ("i.glb", glb_document(lambda it: it.update(extras={"targetNames": [{"a": PROMPT}]}))),
    "glb: xmp": ("i.glb", glb_document(lambda it: it.update(extensions={"KHR_xmp_json_ld": {"packets": [PROMPT]}}))),
    "glb: a chunk": ("i.glb", glb_chunk),
    "svg: a comment": ("l.svg", svg_with(b"<!-- " + SECRET + b" -->")),
    "svg: behind the end": ("l.svg", lambda content: content + b"<!-- " + SECRET + b" -->"),
    "svg: an instruction": ("l.svg", svg_with(b"<?prompt " + SECRET + b"?>")),
    "svg: deep metadata": (
        "l.svg",
        svg_with(b"<metadata a='>'><metadata/><![CDATA[" + SECRET + b"]]></metadata >"),
    ),
}


def gif_part(label: int, first: bytes) -> bytes:
    blocks = b"".join(bytes([len(SECRET[at : at + 255])]) + SECRET[at : at + 255] for at in range(0, len(SECRET), 255))
    return bytes([0x21, label, len(first)]) + first + blocks + b"\0"


def ape() -> bytes:
    item = struct.pack("<II", len(SECRET), 0) + b"prompt\0" + SECRET
    footer = b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, 0) + b"\0" * 8
    return item + footer


@pytest.mark.parametrize("place", PLACES)
def test_whatever_else_a_file_tells_is_gone_too(tmp_path: Path, place: str) -> None:
    name, told = PLACES[place]
    media_type, write = next((media_type, write) for known, media_type, write in KINDS if known == name)
    path = tmp_path / name
    write(path, "")
    plain = shown(path)
    path.write_bytes(told(path.read_bytes()))
    assert markers_in(path.read_bytes())
    clean = stripped(path, media_type)
    assert markers_in(clean.read_bytes()) == set()
    assert shown(clean) == plain


def test_chapters_titles_and_covers_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    moving("mp4", "libx264", "aac")(path, "")
    told = tmp_path / "told.mp4"
    with av.open(path) as old, av.open(told, "w", format="mp4") as new:
        new.metadata["comment"] = new.metadata["title"] = PROMPT
        copies = [new.add_stream_from_template(stream) for stream in old.streams]
        copies[0].metadata["handler_name"] = "a very private cat"
        new.set_chapters(
            [{"start": 0, "end": 100, "time_base": Fraction(1, 1000), "id": 1, "metadata": {"title": PROMPT}}]
        )
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                new.mux(packet)
    assert markers_in(told.read_bytes())
    assert markers_in(stripped(told, "video/mp4").read_bytes()) == set()


def test_a_model_without_an_asset_is_reported_as_broken(tmp_path: Path) -> None:
    path = tmp_path / "a.glb"
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 24) + struct.pack("<I4s", 4, b"JSON") + b"{}  ")
    with pytest.raises(OutputInvalid, match=r"a\.glb is not a whole gltf-binary file"):
        stripped(path, "model/gltf-binary")
