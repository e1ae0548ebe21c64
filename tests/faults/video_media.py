"""Videos that callers may send, from a seeded generator: hostile ones of many kinds, and good ones.

They are made for the field of `copy_video`: 2 MB, 1 megapixel a frame, 60 frames, 10 s.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeAlias

from tests import bad_videos
from tests.video_files import Clip, made

Chance: TypeAlias = random.Random

_KINDS = (
    ("mp4", "libx264", "aac"),
    ("mov", "mpeg4", "pcm_s16le"),
    ("webm", "libvpx", "libopus"),
    ("mkv", "libx264", "flac"),
)


def hostile(seed: int) -> Iterator[tuple[str, bytes]]:
    """Kinds in turn, each of another size and shape whenever it comes: the kind's name, and the file."""
    chance = random.Random(seed)
    while True:
        kinds = list(HOSTILE)
        chance.shuffle(kinds)
        for kind in kinds:
            yield kind, HOSTILE[kind](chance)


def good(seed: int) -> Iterator[tuple[str, bytes]]:
    """Videos that have to be taken, of every container."""
    chance = random.Random(seed)
    while True:
        yield "good", video(chance)


def video(chance: Chance) -> bytes:
    """A video of some container, size, rate and length."""
    container, codec, sound = chance.choice(_KINDS)
    size = (2 * chance.randrange(16, 120), 2 * chance.randrange(16, 120))
    rate = Fraction(chance.choice((12, 24, 25, 30)))
    clip = Clip(container, codec, size=size, frames=chance.randrange(10, 40), rate=rate, sound=(sound, 48000))
    return made(clip)


def _cut(chance: Chance) -> bytes:
    data = video(chance)
    return data[: chance.randrange(100, len(data) * 9 // 10)]


def _damaged(chance: Chance) -> bytes:
    # So much that no codec takes it for another picture.
    data = bytearray(video(chance))
    start = len(data) // 8
    for _ in range(len(data) // 5):
        data[chance.randrange(start, len(data))] = chance.randrange(256)
    return bytes(data)


def _frame_bomb(chance: Chance) -> bytes:
    side = 16 * chance.randrange(10, 40)
    return bad_videos.made_flat((side, side), chance.randrange(500, 3000))


def _pixel_bomb(chance: Chance) -> bytes:
    side = 16 * chance.randrange(80, 300)
    return bad_videos.made_flat((side, side), 2)


def _size_changes(chance: Chance) -> bytes:
    side = 16 * chance.randrange(5, 200)
    codec, container = chance.choice((("libx264", "matroska"), ("libvpx", "webm"), ("mpeg4", "matroska")))
    return bad_videos.size_changes(codec, container, (side, side))


def _long(chance: Chance) -> bytes:
    return made(Clip("mkv", frames=2, times=[0, chance.randrange(11_000, 2_000_000_000)]))


def _sound(chance: Chance) -> bytes:
    return made(Clip(sound=("aac", 8000), sound_seconds=float(chance.randrange(12, 60))))


def _noise(chance: Chance) -> bytes:
    head = chance.choice((b"\0\0\0\x20ftypisom", b"\x1a\x45\xdf\xa3", b"\0\0\0\x14ftypqt  "))
    return head + chance.randbytes(chance.randrange(100, 1_900_000))


HOSTILE: dict[str, Callable[[Chance], bytes]] = {
    "video-cut-off": _cut,
    "video-damaged": _damaged,
    "video-of-many-frames": _frame_bomb,
    "video-of-many-pixels": _pixel_bomb,
    "video-whose-size-changes": _size_changes,
    "video-of-many-streams": lambda chance: bad_videos.many_streams(chance.randrange(33, 600)),
    "video-that-lasts": _long,
    "video-with-long-sound": _sound,
    "video-of-many-boxes": lambda _: bad_videos.many_boxes(),
    "video-of-deep-boxes": lambda _: bad_videos.deep_boxes(),
    "video-of-another-file": lambda chance: bad_videos.external(f"/proc/{chance.randrange(1, 9)}/environ".encode()),
    "video-without-its-frames": lambda _: bad_videos.lying_sample_sizes(),
    "image-for-a-video": lambda chance: bad_videos.image(chance.choice(("PNG", "JPEG", "WEBP", "GIF"))),
    "noise-after-a-signature": _noise,
}
