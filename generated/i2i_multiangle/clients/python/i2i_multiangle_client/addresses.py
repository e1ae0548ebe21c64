"""Where an endpoint is and what opens it; and the ids and addresses that it answers with, before anybody uses them."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote, urlsplit

from .errors import InputRefused, MediaBroken, NotConfigured, UnexpectedAnswer

_RUNPOD = "https://api.runpod.ai/v2"
# As RunPod's own SDK reads them.
KEY, ENDPOINT, BASE_URL = "RUNPOD_API_KEY", "RUNPOD_ENDPOINT_ID", "RUNPOD_ENDPOINT_BASE_URL"

_KEY = re.compile(r"[!-~]{1,1000}")
_ENDPOINT = re.compile(r"[A-Za-z0-9_-]{1,100}")
_JOB = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_URL = re.compile(r"https?://[!-~]{1,8000}", re.IGNORECASE)


def endpoint_url(endpoint: object) -> str:
    """An endpoint's address: of its id at RunPod, of an address elsewhere, or of RUNPOD_ENDPOINT_ID.

    Raises:
        NotConfigured: there is none, or it is none.
    """
    given = os.environ.get(ENDPOINT, "").strip() if endpoint is None else endpoint
    if not given:
        raise NotConfigured(f"no endpoint: give its id or its address, or set {ENDPOINT}")
    if isinstance(given, str) and "://" in given:
        return _base("endpoint", given)
    if not isinstance(given, str) or not _ENDPOINT.fullmatch(given):
        raise NotConfigured("endpoint: an id has letters, digits, - and _; an address begins with https://")
    return f"{_base(BASE_URL, os.environ.get(BASE_URL, '').strip() or _RUNPOD)}/{given}"


def api_key_of(given: object) -> str:
    """The API key that is given, or that of RUNPOD_API_KEY, without the spaces and line ends around it.

    Raises:
        NotConfigured: there is none, or it holds what no key holds; the text does not repeat it.
    """
    key = os.environ.get(KEY, "") if given is None else given
    if isinstance(key, str):
        key = key.strip()
    if not key:
        raise NotConfigured(f"no API key: give api_key, or set {KEY}")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise NotConfigured("the API key holds characters that no key has: spaces, control characters or non-ASCII")
    return key


def job_path(operation: str, job_id: object) -> str:
    """The path of an operation on a job.

    Raises:
        InputRefused: the id is none of RunPod's.
    """
    if not isinstance(job_id, str) or not is_job_id(job_id):
        raise InputRefused("job_id: no id of a job; `submit` gives them")
    return f"/{operation}/{quote(job_id, safe='')}"


def job_id_in(answer: dict[str, object]) -> str:
    """The id of the job that /run queued.

    Raises:
        UnexpectedAnswer: the answer holds none, or one that stands for something else in a path.
    """
    job_id = answer.get("id")
    if not isinstance(job_id, str) or not is_job_id(job_id):
        raise UnexpectedAnswer("the answer to /run holds no id of a job; it may be queued, or not")
    return job_id


def is_job_id(job_id: str) -> bool:
    """Whether an id has only letters, digits and - _ . : and is no step through folders."""
    return bool(_JOB.fullmatch(job_id)) and bool(job_id.strip("."))


def file_url(output: str, url: str) -> str:
    """The address of a file in an answer.

    Raises:
        MediaBroken: it is none that a file is fetched from; the text does not repeat it, since a signed one is a key.
    """
    problem = _problem(url)
    if problem is not None:
        raise MediaBroken(f"{output}: the answer's address is not one that files are fetched from: {problem}")
    return url


def _base(name: str, url: str) -> str:
    parts = urlsplit(url) if _problem(url) is None else None
    if parts is None or parts.query or parts.fragment:
        raise NotConfigured(f"{name}: must be an http or https URL in ASCII, without credentials, query or ../")
    return url.rstrip("/")


def _problem(url: str) -> str | None:
    """What is wrong with an address."""
    if not _URL.fullmatch(url):
        return "it is no http or https URL in ASCII"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is no whole URL"
    if not host:
        return "it names no host"
    if "@" in parts.netloc or "\\" in url:
        return "it holds credentials or a backslash"
    if any(step in {".", ".."} for step in unquote(parts.path).split("/")):
        return "its path goes up or in place"
    return None
