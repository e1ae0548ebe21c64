"""Results as packages give them, for the jobs of a batch."""

from __future__ import annotations

import base64
import hashlib

from tests.standins.runpod_queue import RunPodQueue, completed

KEY = "key"
FILE = bytes(range(256)) * 40


def flat(file: bytes = FILE) -> dict[str, object]:
    """A result of one output."""
    return {"image": base64.b64encode(file).decode(), **facts(file), "seed": 3, "prompt_id": "p"}


def facts(file: bytes) -> dict[str, object]:
    return {"media_type": "image/png", "bytes": len(file), "sha256": hashlib.sha256(file).hexdigest(), "width": 8}


def finishing() -> RunPodQueue:
    """A queue that wants the key, and whose jobs are all done as soon as they are looked at."""
    return RunPodQueue(key=KEY, result=lambda _input: completed(flat()))
