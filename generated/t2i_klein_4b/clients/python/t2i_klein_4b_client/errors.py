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
    ├── ComfyuiError, …     one class a code
    └── (JobFailed itself)                a code that this client does not know
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .text import plain, read_json

# What is kept of an error that a worker, or somebody in its place, says.
_MOST_DETAILS, _LONGEST_NAME = 100, 200


class CallError(Exception):
    """The base of all; `job_id` is the job's, as far as there is one."""

    def __init__(self, message: str, *, job_id: str | None = None) -> None:
        super().__init__(message)
        self.job_id = job_id


class NotConfigured(CallError):
    """No API key or endpoint was given, or one that cannot be one; nothing was sent."""


class InputRefused(CallError):
    """A request that cannot be sent, or that the endpoint refused as a whole (HTTP 400, 413, 422)."""


class Unauthorized(CallError):
    """HTTP 401 or 403: the API key is missing, wrong, or not for this endpoint."""


class EndpointNotFound(CallError):
    """HTTP 404: there is no such endpoint."""


class RateLimited(CallError):
    """HTTP 429, also after waiting as long as it said; `retry_after` in seconds if it said so."""

    def __init__(self, message: str, *, job_id: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, job_id=job_id)
        self.retry_after = retry_after


class Unreachable(CallError):
    """No connection, or HTTP 5xx, also after trying again where that is safe."""


class SubmissionUnknown(CallError):
    """The connection broke, or HTTP 5xx came, while a job was sent: it may be queued, or not."""


class UnexpectedAnswer(CallError):
    """An answer that is none of RunPod's."""


class ResultGone(CallError):
    """The endpoint knows the job no longer, or lost its result: RunPod keeps results for 30 minutes."""


class CallTimeout(CallError, TimeoutError):
    """No end within the time that the caller gave."""


class MediaBroken(CallError):
    """A file that is not the one that the worker made, or that cannot be fetched."""


class CannotSave(CallError, OSError):
    """A file that cannot be written here: no room, no right, no folder."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"a file cannot be written: {error.strerror or error}")
        self.errno, self.strerror, self.filename = error.errno, error.strerror, error.filename


@dataclass(frozen=True)
class Detail:
    """What is wrong with one field, or went wrong with one output."""

    message: str
    field: str | None = None
    output: str | None = None


class JobFailed(CallError):
    """A job that ended without a result; `code` is stable."""

    def __init__(self, code: str, message: str, details: tuple[Detail, ...] = (), *, job_id: str | None = None) -> None:
        lines = [f"{detail.field or detail.output or 'detail'}: {detail.message}" for detail in details]
        super().__init__("\n  ".join([f"{code}: {message}", *lines]), job_id=job_id)
        self.code = code
        self.message = message
        self.details = details


class InvalidInput(JobFailed):
    """The input is not one that this endpoint takes: correct the fields that the details name."""


class ComfyuiError(JobFailed):
    """ComfyUI refused the prompt, or a node failed."""


class OutOfMemory(JobFailed):
    """The GPU's memory is too small for the job: ask for a smaller size or less at once."""


class Stalled(JobFailed):
    """The job made no progress for too long and was stopped."""


class DiskFull(JobFailed):
    """A disk of the worker is full: another worker takes the job if it is sent again."""


class ComfyuiUnavailable(JobFailed):
    """ComfyUI cannot be reached on the worker: another worker takes the job if it is sent again."""


class OutputMissing(JobFailed):
    """The job ended without its file."""


class OutputInvalid(JobFailed):
    """The file is not whole."""


class OutputTooLarge(JobFailed):
    """The result is larger than an answer may be: ask for less, or for a URL."""


class DeliveryFailed(JobFailed):
    """The bucket did not take the result: try again, or look at the bucket's keys."""


class Timeout(JobFailed):
    """The job took longer than the endpoint lets it."""


class Cancelled(JobFailed):
    """The job was stopped."""


class ModelUnavailable(JobFailed):
    """A model file cannot be had: tell whoever runs the endpoint."""


class InternalError(JobFailed):
    """The worker failed for a reason of its own."""


BY_CODE: Mapping[str, type[JobFailed]] = {
    "invalid_input": InvalidInput,
    "comfyui_error": ComfyuiError,
    "out_of_memory": OutOfMemory,
    "stalled": Stalled,
    "disk_full": DiskFull,
    "comfyui_unavailable": ComfyuiUnavailable,
    "output_missing": OutputMissing,
    "output_invalid": OutputInvalid,
    "output_too_large": OutputTooLarge,
    "delivery_failed": DeliveryFailed,
    "timeout": Timeout,
    "cancelled": Cancelled,
    "model_unavailable": ModelUnavailable,
    "internal_error": InternalError,
}

_BY_STATE = {"CANCELLED": "cancelled", "TIMED_OUT": "timeout"}


def failure(state: str, error: object, job_id: str) -> JobFailed:
    """The exception for a job that ended as FAILED, CANCELLED or TIMED_OUT; `error` is what RunPod says of it."""
    told = _told(error)
    code = told.get("code") if told is not None else None
    if told is None or not isinstance(code, str):
        # A worker that died, or one that is no package of ours, says its reason in words of its own.
        code = _BY_STATE.get(state, "failed")
        text = plain(error) if isinstance(error, str) and error else f"the job ended as {state}"
        return BY_CODE.get(code, JobFailed)(code, text, job_id=job_id)
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
