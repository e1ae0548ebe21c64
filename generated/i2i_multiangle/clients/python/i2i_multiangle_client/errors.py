"""What can go wrong with a call.

CallError
├── NotConfigured           no API key or endpoint was given, or one that cannot be one; nothing was sent
├── InputRefused            a request that cannot be sent, or that the endpoint refused with HTTP 400, 413, 422
├── Unauthorized            HTTP 401 or 403: the API key
├── EndpointNotFound        HTTP 404 for the endpoint itself
├── RateLimited             HTTP 429, also after waiting
├── Unreachable             no connection, or HTTP 5xx, also after trying again
├── SubmissionUnknown       the connection broke while a job was sent: it may be queued, or not
├── UnexpectedAnswer        not an answer of RunPod's
├── ResultGone              the endpoint knows the job no longer, or lost its result
├── CallTimeout             no end within the time that the caller gave (also a TimeoutError)
├── MediaBroken             a file that is not the one that the worker made, or cannot be fetched
├── CannotSave              a file that cannot be written here (also an OSError)
└── JobFailed               the job ended without a result: `code`, `message`, `details`
    ├── InvalidInput        the input; without a `job_id` it was found here, and nothing was sent
    ├── ComfyUIError, …     one class a code: see `faults`
    └── (JobFailed itself)                a code that this client does not know
"""

from __future__ import annotations

from collections.abc import Mapping

from .call_errors import *  # noqa: F403 - by this module callers name all of them
from .call_errors import Detail, JobFailed
from .contract import STATUS_CODES
from .faults import *  # noqa: F403
from .faults import BY_CODE
from .text import plain, read_json

# Limits of an error from a worker, or from another server in its place.
_MOST_DETAILS, _LONGEST_NAME = 100, 200


def failure(state: str, error: object, job_id: str) -> JobFailed:
    """The exception for a job that ended as FAILED, CANCELLED or TIMED_OUT; `error` is what RunPod says of it."""
    told = _told(error)
    code = told.get("code") if told is not None else None
    if told is None or not isinstance(code, str):
        # A worker that died, or one that is no package of ours, says its reason in words of its own.
        ended = STATUS_CODES.get(state, "failed")
        text = plain(error) if isinstance(error, str) and error else f"the job ended as {state}"
        return BY_CODE.get(ended, JobFailed)(ended, text, job_id=job_id)
    message, details = told.get("message"), told.get("details")
    parts = tuple(_detail(part) for part in details[:_MOST_DETAILS]) if isinstance(details, list) else ()
    said = plain(message) if isinstance(message, str) else ""
    return BY_CODE.get(code, JobFailed)(plain(code, _LONGEST_NAME), said, parts, job_id=job_id)


def _told(error: object) -> Mapping[str, object] | None:
    if isinstance(error, str):
        try:
            error = read_json(error)
        except ValueError:
            return None
    return error if isinstance(error, dict) else None


def _detail(part: object) -> Detail:
    if not isinstance(part, dict):
        return Detail(plain(part) if isinstance(part, str) else "a detail that is none")
    message, field, output = part.get("message"), part.get("field"), part.get("output")
    return Detail(
        plain(message) if isinstance(message, str) else "",
        plain(field, _LONGEST_NAME) if isinstance(field, str) else None,
        plain(output, _LONGEST_NAME) if isinstance(output, str) else None,
    )
