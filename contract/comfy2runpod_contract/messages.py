"""Requests, progress updates and answers: the keys that are not a package's own, and when an answer is flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from comfy2runpod_contract.media import ADDRESS_KEYS, FILE_MEASURES, MediaKind, media_facts

# What every request may say beside its fields; no field has such a name.
REQUEST_KEYS = ("output", "outputs", "allow_partial", "timings")

# How the files of an answer are given back: in it as base64, or by an address.
Delivery: TypeAlias = Literal["inline", "url"]
# Of jpeg and webp: the smallest, the largest, and that of a request that says none.
LOWEST_QUALITY, HIGHEST_QUALITY, DEFAULT_QUALITY = 1, 100, 90


@dataclass(frozen=True, slots=True)
class OptionFacts:
    """What is said of a key of `output`: its title, and a text on it."""

    title: str
    description: str


DELIVERY = OptionFacts(
    "Delivery",
    "inline: base64 in the answer. url: an address that needs no log-in and expires, if the endpoint has a bucket or "
    "the job brings one (s3Config). Omitted: the endpoint's choice.",
)
FORMAT = OptionFacts(
    "Format",
    "What images are encoded as; omitted, as they were saved. JPEG has no alpha: what is transparent is laid over "
    "white.",
)
QUALITY = OptionFacts("Quality", f"Of jpeg and webp; omitted, {DEFAULT_QUALITY}.")

# RunPod's own keys for a bucket that a job brings along, in `s3Config` beside `input`.
S3_CONFIG = "s3Config"
S3_CONFIG_KEYS = ("accessId", "accessSecret", "bucketName", "endpointUrl")

# What an update of a running job's progress holds.
PROGRESS_KEYS = ("node", "percent", "step", "of", "outputs", "files", "preview")
# A preview is a JPEG of so many pixels a side and so many bytes at most; in an update it is base64.
PREVIEW_SIDE, PREVIEW_BYTES = 256, 30_000

# Where the file itself stands in an answer, as base64, and where a text does.
DATA, TEXT = "data", "text"
# Beside its outputs and seeds, an answer holds these.
_RUN_KEYS = ("prompt_id", "failed", "timings")
# By these, RunPod's SDK knows a failed job and a worker that leaves.
_SDK_KEYS = ("error", "refresh_worker")
_MEASURES = {measure.name for kind in MediaKind for measure in media_facts(kind).measures}

# What no output and no seed is called: in a flat answer it would hide one of these, or be hidden.
ANSWER_KEYS = frozenset(
    {*_RUN_KEYS, *_SDK_KEYS, *_MEASURES, *(measure.name for measure in (*ADDRESS_KEYS, *FILE_MEASURES))}
)
# Those of them that are texts beside a flat answer's result, which is a text too.
ANSWER_TEXTS = frozenset(
    {"prompt_id", *(one.name for one in (*ADDRESS_KEYS, *FILE_MEASURES) if one.json_type == "string")}
)


def is_flat(many: Sequence[bool]) -> bool:
    """Whether an answer holds its only output's facts side by side, rather than an object for each output.

    Args:
        many: for each output that the endpoint declares, whether it is a list of files.
    """
    return len(many) == 1 and not many[0]
