"""The states of a job at RunPod, each once: the values of `status` in RunPod's answers.

OpenAPI, the documents, the local endpoint and both clients go by these. The steps of a job inside the worker are
another matter: `comfy2runpod_runtime.job_states`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from comfy2runpod_contract.faults import Fault


class JobStatus(StrEnum):
    """A value of `status`. A worker that has taken a job is IN_PROGRESS; RunPod's documents also name RUNNING."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"


# A job in one of these has not ended.
LIVE_STATUSES = (JobStatus.IN_QUEUE, JobStatus.IN_PROGRESS, JobStatus.RUNNING)
# A job in one of these has ended without a result.
FAILED_STATUSES = (JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.TIMED_OUT)
# A job in one of these may be queued again, by /retry.
RETRIABLE_STATUSES = (JobStatus.FAILED, JobStatus.TIMED_OUT)
# The fault of a job that ended so without an error of its worker's.
STATUS_FAULTS: Mapping[JobStatus, Fault] = MappingProxyType(
    {JobStatus.CANCELLED: Fault.CANCELLED, JobStatus.TIMED_OUT: Fault.TIMEOUT}
)
