"""What endpoints and clients agree on: limits of requests, states of jobs, file endings, formats.

Made from the contract by scripts/client_contract.py; change comfy2runpod_contract, not this file.
"""

from __future__ import annotations

from collections.abc import Mapping

# The largest request to /run, in bytes.
RUN_BYTES = 10_000_000
# The largest request to /runsync, and the largest answer, in bytes.
RUNSYNC_BYTES = 20_000_000
# The largest preview in a progress update, in bytes.
PREVIEW_BYTES = 30_000
# What ComfyUI's nodes take as a width or height at most.
LONGEST_IMAGE_SIDE = 16_384
# How long a job may be let run at RunPod, in milliseconds.
EXECUTION_MS = (5_000, 604_800_000)
# After how long a job may be dropped, counted from its sending, in milliseconds.
TTL_MS = (10_000, 604_800_000)
# The states of a job that has ended without a result.
FAILED_STATUSES = ("FAILED", "CANCELLED", "TIMED_OUT")
# What a file's name ends in, by its media type.
FILE_ENDINGS: Mapping[str, str] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "image/svg+xml": ".svg",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "video/ogg": ".ogv",
    "audio/flac": ".flac",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "audio/wav": ".wav",
    "audio/webm": ".weba",
    "model/gltf-binary": ".glb",
    "application/json": ".json",
    "text/plain": ".txt",
}
# What a format of files is called in sentences.
FORMAT_LABELS: Mapping[str, str] = {
    "png": "PNG",
    "jpeg": "JPEG",
    "webp": "WebP",
    "mp4": "MP4",
    "mov": "QuickTime",
    "webm": "WebM",
    "mkv": "Matroska",
}
# The code of a job that ended in a state without an error of its worker's.
STATUS_CODES: Mapping[str, str] = {
    "CANCELLED": "cancelled",
    "TIMED_OUT": "timeout",
}
# What the name of a file of any other type ends in.
OTHER_ENDING = ".bin"
