"""The exceptions of a call that has no result, and the base of those of a job that failed; `errors` has them all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "CallError",
    "CallTimeout",
    "CannotSave",
    "Detail",
    "EndpointNotFound",
    "InputRefused",
    "JobFailed",
    "MediaBroken",
    "NotConfigured",
    "RateLimited",
    "ResultGone",
    "SubmissionUnknown",
    "Unauthorized",
    "UnexpectedAnswer",
    "Unreachable",
]


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
    """A job that ended without a result; `code` is stable.

    `retryable` says whether the same request, sent again as it is, may well succeed.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, code: str, message: str, details: tuple[Detail, ...] = (), *, job_id: str | None = None) -> None:
        lines = [f"{detail.field or detail.output or 'detail'}: {detail.message}" for detail in details]
        super().__init__("\n  ".join([f"{code}: {message}", *lines]), job_id=job_id)
        self.code = code
        self.message = message
        self.details = details
