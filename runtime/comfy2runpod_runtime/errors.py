"""What can go wrong with a job. Every error has a fault of the contract, with its stable code, and a message.

    JobFailed
    ├── InvalidInput         the request; `details` names every field that is wrong
    ├── ComfyUIError         ComfyUI refused the prompt, or a node failed
    ├── OutOfMemory          the GPU's memory is not enough, even after it was freed
    ├── DiskFull             ComfyUI's disk or the worker's takes no more
    ├── JobStalled           nothing moved for too long, and the job was stopped
    ├── ComfyUIUnavailable   ComfyUI cannot be reached, or does not start
    │   ├── ComfyUIBusy      another job has the GPU, and CONCURRENT_JOBS is refuse
    │   ├── ComfyUISilent    a request was not answered in time: it may still arrive
    │   ├── ComfyUILost      ComfyUI ended, or forgot the job: another run may succeed
    │   ├── ComfyUINotOurs   another program answers in the place of the worker's own ComfyUI
    │   └── ComfyUINotStarted  the worker's own ComfyUI did not start
    ├── OutputMissing        the job ended without the file that it is to give
    ├── OutputInvalid        a file that is not whole, or not of its kind
    ├── OutputTooLarge       a result that RunPod would not carry
    ├── DeliveryFailed       a result that the bucket did not take
    ├── JobTimeout           the job took longer than it may
    ├── JobCancelled         ComfyUI was interrupted from elsewhere
    ├── ModelUnavailable     a model file cannot be had, or is not what the lock says
    │   └── VolumeFault      the disk of the models: not mounted, not writable, or full
    └── InternalError        a bug of ours; the worker's log has more

Messages hold no host paths, no tracebacks and no secrets. What ComfyUI or a library said goes through `caller_safe`.
Outside a job, and never seen by a caller:

    PackageError             the package cannot be run by this runtime
    SettingsError            the worker's environment variables; all faults together

An error that can keep a worker from starting has the worker's `exit_code`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod_contract.faults import Fault
from comfy2runpod_contract.json_types import JsonObject
from comfy2runpod_contract.wording import shorten
from comfy2runpod_runtime.exit_codes import ExitCode

# An absolute path: `/a/b` or `C:\\a\\b`; a URL, or a path that begins with a name, is none. The last part says enough.
_ABSOLUTE_PATH = re.compile(r"""(?<![\w.:/])/(?:[^\s/'"`:;,()\[\]{}<>]+/)+|\b[A-Za-z]:\\(?:[^\s\\'"]+\\)*""")


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One thing that is wrong with one field of a request."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class OutputFault:
    """Why one of several outputs was not made."""

    output: str
    message: str


class JobFailed(Exception):
    """The base of all: a fault of the contract; the message is for the caller, and may change."""

    fault: ClassVar[Fault] = Fault.INTERNAL_ERROR

    def __init__(self, message: str, details: Sequence[FieldFault | OutputFault] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)

    @property
    def code(self) -> str:
        """The fault's code, as the answer says it."""
        return self.fault.value.code

    def to_json(self) -> JsonObject:
        """The error as data."""
        answer: JsonObject = {"code": self.code, "message": self.message}
        if self.details:
            answer["details"] = [
                {"field": fault.field, "message": fault.message}
                if isinstance(fault, FieldFault)
                else {"output": fault.output, "message": fault.message}
                for fault in self.details
            ]
        return answer


class InvalidInput(JobFailed):
    """The request is not one that the endpoint takes. Nothing was queued."""

    fault = Fault.INVALID_INPUT


class ComfyUIError(JobFailed):
    """ComfyUI refused the prompt, or a node failed: those in `nodes`, as far as it is known which."""

    fault = Fault.COMFYUI_ERROR

    def __init__(
        self, message: str, details: Sequence[FieldFault | OutputFault] = (), nodes: Sequence[str] = ()
    ) -> None:
        super().__init__(message, details)
        self.nodes = tuple(nodes)


class OutOfMemory(JobFailed):
    """The GPU's memory is not enough for the job."""

    fault = Fault.OUT_OF_MEMORY


class DiskFull(JobFailed):
    """A disk takes no more: ComfyUI's, or the worker's."""

    fault = Fault.DISK_FULL


class JobStalled(JobFailed):
    """ComfyUI ran the job, and nothing moved for longer than COMFYUI_STALL_SECONDS."""

    fault = Fault.STALLED


class ComfyUIUnavailable(JobFailed):
    """ComfyUI cannot be reached, or does not start."""

    fault = Fault.COMFYUI_UNAVAILABLE
    exit_code = ExitCode.COMFYUI_LOST


class ComfyUIBusy(ComfyUIUnavailable):
    """Another job has the GPU. Nothing was queued."""


class ComfyUISilent(ComfyUIUnavailable):
    """A request was not answered in time. It may have been heard."""


class ComfyUILost(ComfyUIUnavailable):
    """ComfyUI ended while the job ran, or no longer knows it. Nothing was delivered."""


class ComfyUINotOurs(ComfyUIUnavailable):
    """Another program answers on the port of the worker's own ComfyUI. Nothing of it is used."""


class ComfyUINotStarted(ComfyUIUnavailable):
    """The worker's own ComfyUI did not start; `exit_code` says why."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class OutputMissing(JobFailed):
    """The job ended without the file that it is to give."""

    fault = Fault.OUTPUT_MISSING


class OutputInvalid(JobFailed):
    """A file that is not whole, or not of its kind."""

    fault = Fault.OUTPUT_INVALID


class OutputTooLarge(JobFailed):
    """A result that RunPod would not carry."""

    fault = Fault.OUTPUT_TOO_LARGE


class DeliveryFailed(JobFailed):
    """The bucket did not take a result."""

    fault = Fault.DELIVERY_FAILED


class JobTimeout(JobFailed):
    """The job took longer than it may."""

    fault = Fault.TIMEOUT


class JobCancelled(JobFailed):
    """ComfyUI was interrupted from elsewhere."""

    fault = Fault.CANCELLED


class ModelUnavailable(JobFailed):
    """A model file cannot be had, or is not what the lock says."""

    fault = Fault.MODEL_UNAVAILABLE
    exit_code = ExitCode.MODELS_UNAVAILABLE


class VolumeFault(ModelUnavailable):
    """The disk of the models is not mounted, cannot be written, or is full; `exit_code` says which."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class InternalError(JobFailed):
    """A bug of ours."""

    fault = Fault.INTERNAL_ERROR


class PackageError(Exception):
    """A package that this runtime cannot run: another contract, or files that do not belong together."""

    exit_code = ExitCode.PACKAGE


class SettingsError(Exception):
    """Environment variables that the worker cannot start with."""

    exit_code = ExitCode.SETTINGS


def exit_code_of(error: BaseException) -> ExitCode:
    """Returns the exit code of a worker that an error keeps from starting."""
    code = getattr(error, "exit_code", None)
    return code if isinstance(code, ExitCode) else ExitCode.INTERNAL


def caller_safe(text: str, limit: int = 200) -> str:
    """A foreign message as a caller may see it: short, on one line, and without the folders of absolute paths."""
    return shorten(_ABSOLUTE_PATH.sub("", text[: limit * 8]), limit)
