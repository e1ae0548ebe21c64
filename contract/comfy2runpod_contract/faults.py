"""Why a job fails: each code once, with all that is said of it anywhere.

The worker's exceptions (`comfy2runpod_runtime.errors`) carry a fault each. Documents, OpenAPI, the page, and the
exception classes of the Python and the TypeScript client are made from this table.

Codes are only ever added: callers compare them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFacts:
    """What is known of a code.

    Attributes:
        code: what a failed job's error says, stable.
        name: the exception class, alike in the worker and in the clients.
        when: a sentence for the caller: what happened.
        remedy: a sentence for the caller: what can be done about it.
        retryable: whether the same request, sent again as it is, may well succeed.
    """

    code: str
    name: str
    when: str
    remedy: str
    retryable: bool


class Fault(Enum):
    """Every code that a failed job, or a failed output of one, can have."""

    INVALID_INPUT = FaultFacts(
        code="invalid_input",
        name="InvalidInput",
        when="The input is not one that this endpoint takes.",
        remedy="Correct the fields that the details name.",
        retryable=False,
    )
    COMFYUI_ERROR = FaultFacts(
        code="comfyui_error",
        name="ComfyUIError",
        when="ComfyUI refused the prompt, or a node failed.",
        remedy="Try again; report it with the prompt_id.",
        retryable=True,
    )
    OUT_OF_MEMORY = FaultFacts(
        code="out_of_memory",
        name="OutOfMemory",
        when="The GPU's memory is too small for the job.",
        remedy="Ask for a smaller size or less at once.",
        retryable=False,
    )
    STALLED = FaultFacts(
        code="stalled",
        name="JobStalled",
        when="The job made no progress for too long and was stopped.",
        remedy="Try again; report it with the prompt_id.",
        retryable=True,
    )
    DISK_FULL = FaultFacts(
        code="disk_full",
        name="DiskFull",
        when="A disk of the worker is full.",
        remedy="Try again: another worker takes the job.",
        retryable=True,
    )
    COMFYUI_UNAVAILABLE = FaultFacts(
        code="comfyui_unavailable",
        name="ComfyUIUnavailable",
        when="ComfyUI cannot be reached on the worker.",
        remedy="Try again: another worker takes the job.",
        retryable=True,
    )
    OUTPUT_MISSING = FaultFacts(
        code="output_missing",
        name="OutputMissing",
        when="The job ended without its file.",
        remedy="Try again; report it with the prompt_id.",
        retryable=True,
    )
    OUTPUT_INVALID = FaultFacts(
        code="output_invalid",
        name="OutputInvalid",
        when="The file is not whole.",
        remedy="Try again; report it with the prompt_id.",
        retryable=True,
    )
    OUTPUT_TOO_LARGE = FaultFacts(
        code="output_too_large",
        name="OutputTooLarge",
        when="The result is larger than an answer may be.",
        remedy="Ask for less, for webp, or for delivery by url.",
        retryable=False,
    )
    DELIVERY_FAILED = FaultFacts(
        code="delivery_failed",
        name="DeliveryFailed",
        when="The bucket did not take the result.",
        remedy="Try again; check s3Config or tell the operator.",
        retryable=True,
    )
    TIMEOUT = FaultFacts(
        code="timeout",
        name="JobTimeout",
        when="The job took longer than it may.",
        remedy="Ask for less, or raise the endpoint's time limit.",
        retryable=False,
    )
    CANCELLED = FaultFacts(
        code="cancelled",
        name="JobCancelled",
        when="The job was stopped.",
        remedy="Send it again if it is still wanted.",
        retryable=True,
    )
    MODEL_UNAVAILABLE = FaultFacts(
        code="model_unavailable",
        name="ModelUnavailable",
        when="A model file cannot be had.",
        remedy="Tell whoever runs the endpoint.",
        retryable=False,
    )
    INTERNAL_ERROR = FaultFacts(
        code="internal_error",
        name="InternalError",
        when="The worker failed for a reason of its own.",
        remedy="Report it with the time and the job's id.",
        retryable=False,
    )


FAULTS = tuple(fault.value for fault in Fault)
