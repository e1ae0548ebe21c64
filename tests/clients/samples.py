"""Requests, answers and pictures that the tests of the clients share."""

from __future__ import annotations

import base64
from functools import cache
from io import BytesIO

from PIL import Image

from .fault_server import Answer

REQUEST = {"prompt": "a cat"}
DONE = {"video": base64.b64encode(b"video").decode(), "width": 128, "height": 64, "prompt_id": "p"}
QUEUED = Answer(body={"id": "j1", "status": "IN_QUEUE"})
RUNNING = Answer(body={"id": "j1", "status": "IN_PROGRESS", "output": {"node": "sampler", "percent": 40}})
COMPLETED = Answer(body={"id": "j1", "status": "COMPLETED", "output": DONE})


@cache
def picture(form: str, size: tuple[int, int] = (40, 30)) -> bytes:
    out = BytesIO()
    lossless = {"lossless": True} if form == "webp-lossless" else {}
    Image.new("RGB", size, "red").save(out, form.partition("-")[0].upper(), **lossless)
    return out.getvalue()
