"""Requests, progress updates and answers: the keys that are not a package's own, and when an answer is flat."""

from __future__ import annotations

from collections.abc import Sequence

from comfy2runpod_contract.media import FILE_MEASURES, MediaKind, media_facts

# What every request may say beside its fields; no field has such a name.
REQUEST_KEYS = ("output", "outputs", "allow_partial", "timings")

# RunPod's own keys for a bucket that a job brings along, in `s3Config` beside `input`.
S3_CONFIG = "s3Config"
S3_CONFIG_KEYS = ("accessId", "accessSecret", "bucketName", "endpointUrl")

# What an update of a running job's progress holds.
PROGRESS_KEYS = ("node", "percent", "step", "of", "outputs", "files")

# Where a file stands in an answer: itself as base64, or its address and until when that works; and where a text does.
DATA, TEXT = "data", "text"
ADDRESS_KEYS = ("url", "expires_at")
# Beside its outputs and seeds, an answer holds these.
_RUN_KEYS = ("prompt_id", "failed", "timings")
# By these, RunPod's SDK knows a failed job and a worker that leaves.
_SDK_KEYS = ("error", "refresh_worker")
_MEASURES = {measure.name for kind in MediaKind for measure in media_facts(kind).measures}

# What no output and no seed is called: in a flat answer it would hide one of these, or be hidden.
ANSWER_KEYS = frozenset(
    {*_RUN_KEYS, *_SDK_KEYS, *ADDRESS_KEYS, *_MEASURES, *(measure.name for measure in FILE_MEASURES)}
)


def is_flat(many: Sequence[bool]) -> bool:
    """Whether an answer holds its only output's facts side by side, rather than an object for each output.

    Args:
        many: for each output that the endpoint declares, whether it is a list of files.
    """
    return len(many) == 1 and not many[0]
