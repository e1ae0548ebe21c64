"""The endpoint's URL and API key, and checks of the ids and URLs in its answers."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote, urlsplit

from .errors import InputRefused, MediaBroken, NotConfigured, UnexpectedAnswer

_RUNPOD = "https://api.runpod.ai/v2"
# The variables of RunPod's SDK.
KEY, ENDPOINT, BASE_URL = "RUNPOD_API_KEY", "RUNPOD_ENDPOINT_ID", "RUNPOD_ENDPOINT_BASE_URL"

_KEY = re.compile(r"[!-~]{1,1000}")
_ENDPOINT = re.compile(r"[A-Za-z0-9_-]{1,100}")
_JOB = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_URL = re.compile(r"https?://[!-~]{1,8000}", re.IGNORECASE)


def endpoint_url(endpoint: object) -> str:
    """Returns an endpoint's URL.

    Args:
        endpoint: the id of a RunPod endpoint, or a URL; None for RUNPOD_ENDPOINT_ID.

    Raises:
        NotConfigured: the endpoint is missing or invalid.
    """
    given = os.environ.get(ENDPOINT, "").strip() if endpoint is None else endpoint
    if not given:
        raise NotConfigured(f"no endpoint: pass its id or URL, or set {ENDPOINT}")
    if isinstance(given, str) and "://" in given:
        return _base("endpoint", given)
    if not isinstance(given, str) or not _ENDPOINT.fullmatch(given):
        raise NotConfigured("endpoint: an id has letters, digits, - and _; a URL begins with https://")
    return f"{_base(BASE_URL, os.environ.get(BASE_URL, '').strip() or _RUNPOD)}/{given}"


def api_key_of(given: object) -> str:
    """Returns the given API key, or RUNPOD_API_KEY, without surrounding whitespace.

    Raises:
        NotConfigured: the key is missing, or has invalid characters; the message does not contain it.
    """
    key = os.environ.get(KEY, "") if given is None else given
    if isinstance(key, str):
        key = key.strip()
    if not key:
        raise NotConfigured(f"no API key: pass api_key, or set {KEY}")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise NotConfigured("the API key contains invalid characters: spaces, control characters or non-ASCII")
    return key


def job_path(operation: str, job_id: object) -> str:
    """Returns the path of an operation on a job.

    Raises:
        InputRefused: the job id is invalid.
    """
    if not isinstance(job_id, str) or not is_job_id(job_id):
        raise InputRefused("job_id: not a job id; `submit` returns one")
    return f"/{operation}/{quote(job_id, safe='')}"


def job_id_in(answer: dict[str, object]) -> str:
    """Returns the job id in an answer of /run.

    Raises:
        UnexpectedAnswer: the id is missing, or is not safe in a path.
    """
    job_id = answer.get("id")
    if not isinstance(job_id, str) or not is_job_id(job_id):
        raise UnexpectedAnswer("the answer to /run has no job id; the job may be queued, or not")
    return job_id


def is_job_id(job_id: str) -> bool:
    """Returns whether an id has only letters, digits and - _ . : and is not a relative path such as `..`."""
    return bool(_JOB.fullmatch(job_id)) and bool(job_id.strip("."))


def file_url(output: str, url: str) -> str:
    """Checks the URL of a file in an answer.

    Raises:
        MediaBroken: the URL is not allowed. The message does not contain it, since a presigned URL is a secret.
    """
    problem = _problem(url)
    if problem is not None:
        raise MediaBroken(f"{output}: the answer's URL is not allowed: {problem}")
    return url


def _base(name: str, url: str) -> str:
    parts = urlsplit(url) if _problem(url) is None else None
    if parts is None or parts.query or parts.fragment:
        raise NotConfigured(f"{name}: must be an http or https URL in ASCII, without credentials, query or ../")
    return url.rstrip("/")


def _problem(url: str) -> str | None:
    """Returns what is wrong with a URL."""
    if not _URL.fullmatch(url):
        return "it is not an http or https URL in ASCII"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not a valid URL"
    if not host:
        return "it has no host"
    if "@" in parts.netloc or "\\" in url:
        return "it contains credentials or a backslash"
    if any(step in {".", ".."} for step in unquote(parts.path).split("/")):
        return "its path contains . or .."
    return None
