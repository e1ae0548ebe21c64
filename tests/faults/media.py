"""Media that callers may send, from a seeded generator: hostile ones of many kinds, and good ones up to the limits."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import TypeAlias

import numpy as np
from PIL import Image

# What the field takes that they are made for, `image` of i2i_klein_9b.
MOST_BYTES = 20_000_000
MOST_PIXELS = 32_000_000

Chance: TypeAlias = random.Random


def hostile(seed: int) -> Iterator[tuple[str, bytes]]:
    """Kinds in turn, each of another size and shape whenever it comes: the kind's name, and the file."""
    chance = random.Random(seed)
    while True:
        kinds = list(HOSTILE)
        chance.shuffle(kinds)
        for kind in kinds:
            data = HOSTILE[kind](chance)
            assert len(data) <= MOST_BYTES, kind
            yield kind, data


def good(seed: int, most_pixels: int = 400_000) -> Iterator[tuple[str, bytes]]:
    """Images that have to be taken: progressive JPEGs among them, every third one."""
    chance = random.Random(seed)
    for number, kind in enumerate(_forever("progressive", "png", "progressive", "jpeg", "progressive", "webp")):
        # The first is the largest; of the others, as many are small as large.
        pixels = int(most_pixels ** chance.uniform(0.55, 1)) if number else most_pixels
        while len(data := image(kind, pixels, chance)) > MOST_BYTES:
            pixels //= 2
        yield kind, data


def image(kind: str, pixels: int, chance: Chance) -> bytes:
    """An image that is hard to compress, of at most so many pixels."""
    shape = chance.uniform(0.6, 1.6)
    width = max(8, int((pixels * shape) ** 0.5))
    height = max(8, pixels // width)
    noise = np.random.default_rng(chance.randrange(1 << 30))
    rough = noise.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    drawn = Image.fromarray(rough).resize((width, height), Image.Resampling.BILINEAR)
    options = {
        "progressive": {"format": "JPEG", "quality": 90, "progressive": True},
        "jpeg": {"format": "JPEG", "quality": 90},
        "png": {"format": "PNG", "compress_level": 1},
        "webp": {"format": "WEBP", "quality": 80, "method": 0},
    }[kind]
    out = BytesIO()
    drawn.save(out, **options)
    return out.getvalue()


def scans(width: int, height: int, count: int) -> bytes:
    """A progressive JPEG of so many scans, each a few dozen bytes that stand for the whole image."""
    blocks = -(-width // 8) * -(-height // 8)
    tables = _segment(0xDB, b"\0" + bytes([1] * 64))
    tables += _segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    # Of each class one code of one bit: a difference of 0, and a run of 2^14 blocks and 14 bits more without values.
    for kind, symbol in ((0x00, 0x00), (0x10, 0xE0)):
        tables += _segment(0xC4, bytes([kind, 1, *([0] * 15), symbol]))
    first = _segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8))
    # 0 and 14 ones, over and over; a byte of ones is followed by a zero.
    runs = ("0" + "1" * 14) * (-(-blocks // 0x7FFF))
    runs += "1" * (-len(runs) % 8)
    coded = bytes(int(runs[at : at + 8], 2) for at in range(0, len(runs), 8)).replace(b"\xff", b"\xff\0")
    # Each says that it makes the values of the one before more exact, for which all of them are looked at.
    more = _segment(0xDA, b"\1\1\0\1\x3f\x10") + coded
    return b"\xff\xd8" + tables + first + more * count + b"\xff\xd9"


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width: int, height: int, *chunks: bytes, data: bytes | None = None) -> bytes:
    rows = bytes((width * 3 + 1) * height) if data is None else data
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = _chunk(b"IDAT", zlib.compress(rows, 1))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + body + _chunk(b"IEND", b"")


def _zeros(count: int) -> bytes:
    """So many bytes of nothing, as zlib has them."""
    packer = zlib.compressobj(9)
    part = bytes(1 << 20)
    return b"".join(packer.compress(part) for _ in range(count >> 20)) + packer.flush()


def _many_scans(chance: Chance) -> bytes:
    return scans(chance.randrange(4000, 5600), chance.randrange(4000, 5600), chance.randrange(3000, 60_000))


def _many_chunks(chance: Chance) -> bytes:
    kind = bytes(chance.choice(b"abcdefgh") for _ in range(2)) + b"Cd"
    return _png(64, 64, _chunk(kind, b"") * chance.randrange(1_000_000, 1_600_000))


def _many_markers(chance: Chance) -> bytes:
    return b"\xff\xd8" + _segment(0xFE, b"") * chance.randrange(3_000_000, 4_900_000) + b"\xff\xd9"


def _packed_text(chance: Chance) -> bytes:
    kind = chance.choice((b"zTXt", b"iCCP"))
    return _png(64, 64, _chunk(kind, b"a\0\0" + _zeros(chance.randrange(50, 250) << 20)))


def _packed_texts(chance: Chance) -> bytes:
    one = _chunk(b"iTXt", b"a\0\1\0\0\0" + _zeros(1 << 20))
    return _png(64, 64, one * chance.randrange(1000, 5000))


def _bomb(chance: Chance) -> bytes:
    side = chance.randrange(30_000, 65_000)
    return _png(side, side, data=bytes(1000))


def _bomb_webp(chance: Chance) -> bytes:
    """The largest that the format has, of one colour."""
    size = 16_383 - 1
    head = b"\x2f" + struct.pack("<I", size | size << 14)
    body = b"VP8L" + struct.pack("<I", len(head) + 200) + head + bytes(chance.randrange(256) for _ in range(200))
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _cut(chance: Chance) -> bytes:
    data = image(chance.choice(("progressive", "png", "webp")), 300_000, chance)
    return data[: chance.randrange(100, len(data) * 9 // 10)]


def _flipped(chance: Chance) -> bytes:
    # A PNG's checksums let nothing pass; a JPEG may lose its sense and still be one.
    data = bytearray(image("png", 200_000, chance))
    for _ in range(chance.randrange(1, 40)):
        data[chance.randrange(40, len(data) - 20)] ^= 1 << chance.randrange(8)
    return bytes(data)


def _two_things(chance: Chance) -> bytes:
    """One kind by its first bytes, another by the rest."""
    heads = (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0",
        b"GIF89a",
        b"RIFF\xff\xff\xff\x7fWEBPVP8L",
        b"%PDF-1.7\n",
        b"PK\3\4",
        b"BM",
    )
    return chance.choice(heads) + image("png", 50_000, chance)


def _frames(chance: Chance) -> bytes:
    count = chance.randrange(1000, 200_000)
    control = _chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 64, 0, 0, 1, 10, 0, 0))
    return _png(64, 64, _chunk(b"acTL", struct.pack(">II", count, 0)), control)


def _long_rows(chance: Chance) -> bytes:
    """Rows that go on for gigabytes behind a small image that never begins: the filter of its first row is none."""
    return _png(16, 16, data=b"\x09" + zlib.decompress(_zeros(chance.randrange(20, 60) << 20)))


def _noise(chance: Chance) -> bytes:
    head = chance.choice((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x00\x10\x00\x00WEBPVP8 "))
    return head + chance.randbytes(chance.randrange(100, 3_000_000))


HOSTILE: dict[str, Callable[[Chance], bytes]] = {
    "jpeg-of-many-scans": _many_scans,
    "png-of-many-chunks": _many_chunks,
    "jpeg-of-many-markers": _many_markers,
    "png-with-a-packed-text": _packed_text,
    "png-with-many-packed-texts": _packed_texts,
    "png-larger-than-memory": _bomb,
    "webp-larger-than-allowed": _bomb_webp,
    "cut-off": _cut,
    "bits-flipped": _flipped,
    "two-things-at-once": _two_things,
    "png-of-many-frames": _frames,
    "png-whose-rows-go-on": _long_rows,
    "noise": _noise,
}


def _forever(*kinds: str) -> Iterator[str]:
    while True:
        yield from kinds
