"""Why a job fails: an exception a code.

Made from the contract by scripts/client_contract.py; change comfy2runpod_contract.faults, not this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from .call_errors import JobFailed

__all__ = [
    "BY_CODE",
    "ComfyUIError",
    "ComfyUIUnavailable",
    "DeliveryFailed",
    "DiskFull",
    "ErrorCode",
    "InternalError",
    "InvalidInput",
    "JobCancelled",
    "JobStalled",
    "JobTimeout",
    "ModelUnavailable",
    "OutOfMemory",
    "OutputInvalid",
    "OutputMissing",
    "OutputTooLarge",
]

ErrorCode: TypeAlias = Literal[
    "invalid_input",
    "comfyui_error",
    "out_of_memory",
    "stalled",
    "disk_full",
    "comfyui_unavailable",
    "output_missing",
    "output_invalid",
    "output_too_large",
    "delivery_failed",
    "timeout",
    "cancelled",
    "model_unavailable",
    "internal_error",
]


class InvalidInput(JobFailed):
    """The input is not one that this endpoint takes. Correct the fields that the details name."""


class ComfyUIError(JobFailed):
    """ComfyUI refused the prompt, or a node failed. Try again; report it with the prompt_id."""

    retryable = True


class OutOfMemory(JobFailed):
    """The GPU's memory is too small for the job. Ask for a smaller size or less at once."""


class JobStalled(JobFailed):
    """The job made no progress for too long and was stopped. Try again; report it with the prompt_id."""

    retryable = True


class DiskFull(JobFailed):
    """A disk of the worker is full. Try again: another worker takes the job."""

    retryable = True


class ComfyUIUnavailable(JobFailed):
    """ComfyUI cannot be reached on the worker. Try again: another worker takes the job."""

    retryable = True


class OutputMissing(JobFailed):
    """The job ended without its file. Try again; report it with the prompt_id."""

    retryable = True


class OutputInvalid(JobFailed):
    """The file is not whole. Try again; report it with the prompt_id."""

    retryable = True


class OutputTooLarge(JobFailed):
    """The result is larger than an answer may be. Ask for less, for webp, or for delivery by url."""


class DeliveryFailed(JobFailed):
    """The bucket did not take the result. Try again; check s3Config or tell the operator."""

    retryable = True


class JobTimeout(JobFailed):
    """The job took longer than it may. Ask for less, or raise the endpoint's time limit."""


class JobCancelled(JobFailed):
    """The job was stopped. Send it again if it is still wanted."""

    retryable = True


class ModelUnavailable(JobFailed):
    """A model file cannot be had. Tell whoever runs the endpoint."""


class InternalError(JobFailed):
    """The worker failed for a reason of its own. Report it with the time and the job's id."""


BY_CODE: Mapping[str, type[JobFailed]] = {
    "invalid_input": InvalidInput,
    "comfyui_error": ComfyUIError,
    "out_of_memory": OutOfMemory,
    "stalled": JobStalled,
    "disk_full": DiskFull,
    "comfyui_unavailable": ComfyUIUnavailable,
    "output_missing": OutputMissing,
    "output_invalid": OutputInvalid,
    "output_too_large": OutputTooLarge,
    "delivery_failed": DeliveryFailed,
    "timeout": JobTimeout,
    "cancelled": JobCancelled,
    "model_unavailable": ModelUnavailable,
    "internal_error": InternalError,
}
