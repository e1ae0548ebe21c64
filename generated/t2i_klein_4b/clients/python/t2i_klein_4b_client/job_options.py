"""What a request may say beside its input: whom to tell of the job's end, how long it may take, where its files go."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field

from .contract import EXECUTION_MS, TTL_MS
from .errors import InputRefused

_URL = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True)
class Bucket:
    """S3-compatible storage that one job brings along for its files; `repr` leaves the secret out."""

    access_id: str
    access_secret: str = field(repr=False)
    bucket_name: str
    # With https, at a public address.
    endpoint_url: str


@dataclass(frozen=True)
class JobOptions:
    """What holds for one job. What is omitted is the endpoint's own choice."""

    # Gets a POST of the job, as `status` says it, when it has ended. It may hold a token, so `repr` leaves it out.
    webhook: str | None = field(default=None, repr=False)
    # How long it may run; RunPod takes 5 seconds to 7 days.
    execution_seconds: float | None = None
    # When it is dropped, counted from its sending, whether it waits or runs; RunPod takes 10 seconds to 7 days.
    ttl_seconds: float | None = None
    # It waits behind all others and starts no worker.
    low_priority: bool = False
    # Where its files go. They leave by URL then, unless its `output.delivery` says otherwise.
    bucket: Bucket | None = None


def beside_input(job: JobOptions | None) -> dict[str, object]:
    """The keys of a request beside `input`, as RunPod takes them.

    Raises:
        InputRefused: a value that no endpoint takes; the text does not repeat it.
    """
    if job is None:
        return {}
    policy = {
        "executionTimeout": _milliseconds("execution_seconds", job.execution_seconds, EXECUTION_MS),
        "ttl": _milliseconds("ttl_seconds", job.ttl_seconds, TTL_MS),
        "lowPriority": job.low_priority or None,
    }
    said = {name: value for name, value in policy.items() if value is not None}
    keys: dict[str, object] = {"policy": said} if said else {}
    if job.webhook is not None:
        keys["webhook"] = _url("webhook", job.webhook)
    if job.bucket is not None:
        keys["s3Config"] = {
            "accessId": job.bucket.access_id,
            "accessSecret": job.bucket.access_secret,
            "bucketName": job.bucket.bucket_name,
            "endpointUrl": _url("bucket.endpoint_url", job.bucket.endpoint_url),
        }
    return keys


def without_secrets(text: str, job: JobOptions | None) -> str:
    """A text of the other side, which may repeat what it was sent, without what nobody else should read."""
    if job is None:
        return text
    for secret in filter(None, (job.webhook, job.bucket.access_secret if job.bucket is not None else None)):
        # As it is, and as a JSON text has it.
        text = text.replace(secret, "…").replace(json.dumps(secret)[1:-1], "…")
    return text


def _milliseconds(name: str, seconds: object, bounds: tuple[int, int]) -> int | None:
    if seconds is None:
        return None
    # In this order, so that no infinity and no NaN is rounded.
    least, most = bounds
    given = seconds if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) else math.nan
    if not least / 1000 <= given <= most / 1000:
        raise InputRefused(f"{name}: must be from {least // 1000} to {most // 1000:,} seconds")
    return round(given * 1000)


def _url(name: str, text: object) -> str:
    if not isinstance(text, str) or not _URL.fullmatch(text):
        raise InputRefused(f"{name}: must be an http or https URL, without spaces and in ASCII")
    return text
