"""The options of a job that are sent beside its input: webhook, time limits, priority and bucket."""

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
    """S3-compatible storage for the files of one job. `repr` omits the secret."""

    access_id: str
    access_secret: str = field(repr=False)
    bucket_name: str
    # https, with a public address.
    endpoint_url: str


@dataclass(frozen=True)
class JobOptions:
    """The options of one job. What is omitted is decided by the endpoint."""

    # Receives a POST with the job's state when it has ended. It may contain a token, so `repr` omits it.
    webhook: str | None = field(default=None, repr=False)
    # How long it may run: 5 seconds to 7 days.
    execution_seconds: float | None = None
    # When it is dropped, from its submission, whether it is queued or running: 10 seconds to 7 days.
    ttl_seconds: float | None = None
    # Waits behind all other jobs, and starts no worker.
    low_priority: bool = False
    # Where its files are uploaded. They are then returned as URLs, unless `output.delivery` says otherwise.
    bucket: Bucket | None = None


def beside_input(job: JobOptions | None) -> dict[str, object]:
    """Returns the keys of a request beside `input`, in RunPod's form.

    Raises:
        InputRefused: a value is invalid; the message does not contain it.
    """
    if job is None:
        return {}
    policy = {
        "executionTimeout": _milliseconds("execution_seconds", job.execution_seconds, EXECUTION_MS),
        "ttl": _milliseconds("ttl_seconds", job.ttl_seconds, TTL_MS),
        "lowPriority": job.low_priority or None,
    }
    given = {name: value for name, value in policy.items() if value is not None}
    keys: dict[str, object] = {"policy": given} if given else {}
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
    """Removes a job's secrets from a server's message, which may repeat the request."""
    if job is None:
        return text
    for secret in filter(None, (job.webhook, job.bucket.access_secret if job.bucket is not None else None)):
        # As it is, and JSON-encoded.
        text = text.replace(secret, "…").replace(json.dumps(secret)[1:-1], "…")
    return text


def _milliseconds(name: str, seconds: object, bounds: tuple[int, int]) -> int | None:
    if seconds is None:
        return None
    # The check comes before rounding, since infinity and NaN cannot be rounded.
    least, most = bounds
    given = seconds if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) else math.nan
    if not least / 1000 <= given <= most / 1000:
        raise InputRefused(f"{name}: must be from {least // 1000} to {most // 1000:,} seconds")
    return round(given * 1000)


def _url(name: str, text: object) -> str:
    if not isinstance(text, str) or not _URL.fullmatch(text):
        raise InputRefused(f"{name}: must be an http or https URL, without spaces and in ASCII")
    return text
