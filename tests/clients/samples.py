"""Requests, answers and images that the tests of the clients share."""

from __future__ import annotations

import base64
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.standins.runpod_queue import Answer

REQUEST = {"prompt": "a cat"}
DONE = {"video": base64.b64encode(b"video").decode(), "width": 128, "height": 64, "prompt_id": "p"}
QUEUED = Answer(body={"id": "j1", "status": "IN_QUEUE"})
# The first bytes of a JPEG, as a worker sends a picture of what it is making.
PREVIEW = base64.b64encode(b"\xff\xd8\xff\xe0 small").decode()
RUNNING = Answer(
    body={"id": "j1", "status": "IN_PROGRESS", "output": {"node": "sampler", "percent": 40, "preview": PREVIEW}}
)
COMPLETED = Answer(body={"id": "j1", "status": "COMPLETED", "output": DONE})


@cache
def image(form: str, size: tuple[int, int] = (40, 30)) -> bytes:
    out = BytesIO()
    lossless = {"lossless": True} if form == "webp-lossless" else {}
    Image.new("RGB", size, "red").save(out, form.partition("-")[0].upper(), **lossless)
    return out.getvalue()


# Images that the edit package's first field does not take: the error, and what it says in every language.
REFUSED_IMAGES: list[tuple[bytes | str | Path, str, str]] = [
    (b"GIF89a" + bytes(20), "InvalidInput", "is not an image of a known format; it must be a PNG, JPEG or WebP image"),
    (b"", "InvalidInput", "is empty; it must be a PNG, JPEG or WebP image"),
    (Path("/nowhere/cat.png"), "InputRefused", "cannot be read"),
    ("cat.png", "InvalidInput", "is neither base64 nor a URL"),
    ("YWJj=", "InvalidInput", "image: is"),
    ("ftp://example.com/cat.png", "InvalidInput", "is a URL with an unsupported scheme"),
    ("data:image/png,abc", "InvalidInput", "is a data URL that is not in base64"),
    (bytes(20_000_001), "InvalidInput", "has 20,000,001 bytes; at most 20 MB are allowed"),
    (image("png", (8000, 5000)), "InvalidInput", "8000x5000 has 40"),
    (image("jpeg", (8000, 5000)), "InvalidInput", "8000x5000 has 40"),
    (image("webp", (8000, 5000)), "InvalidInput", "8000x5000 has 40"),
    (image("webp-lossless", (8000, 5000)), "InvalidInput", "megapixels; at most 32"),
    (image("png", (16400, 10)), "InvalidInput", "16400x10 is longer than 16,384 pixels on a side"),
    (
        image("png", (153, 3)),
        "InvalidInput",
        "153x3 is too long and thin; a side may be 50 times as long as the other",
    ),
    (image("png") + bytes(9_000_000), "InputRefused", "an endpoint accepts 10,000,000: send files as https URLs"),
]
