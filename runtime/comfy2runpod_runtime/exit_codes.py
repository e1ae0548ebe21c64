"""The exit codes of a worker's container: why it ended. docs/worker-start.md has the table."""

from __future__ import annotations

from enum import IntEnum

# Added to a signal's number: the process was ended by it, as shells say it.
BY_SIGNAL = 128


class ExitCode(IntEnum):
    """Why a worker ended. Codes are only ever added."""

    ENDED = 0
    FAILED = 1
    USAGE = 2
    SETTINGS = 10
    PACKAGE = 11
    MODELS_UNAVAILABLE = 12
    VOLUME_MISSING = 13
    VOLUME_READ_ONLY = 14
    VOLUME_FULL = 15
    COMFYUI_NOT_INSTALLED = 16
    COMFYUI_ENDED_AT_START = 17
    COMFYUI_SILENT_AT_START = 18
    COMFYUI_PORT_TAKEN = 19
    COMFYUI_LOST = 20
    INTERNAL = 21

    @property
    def reason(self) -> str:
        """The reason, in a few words."""
        return _REASONS[self]


_REASONS = {
    ExitCode.ENDED: "told to end, and nothing was left to do",
    ExitCode.FAILED: "the job failed, or the RunPod SDK ended the worker; the log has the reason",
    ExitCode.USAGE: "wrong usage",
    ExitCode.SETTINGS: "environment variables are invalid",
    ExitCode.PACKAGE: "the package cannot be loaded",
    ExitCode.MODELS_UNAVAILABLE: "a model file cannot be had, or is not what the lock says",
    ExitCode.VOLUME_MISSING: "the volume is not mounted",
    ExitCode.VOLUME_READ_ONLY: "the models' folder cannot be written",
    ExitCode.VOLUME_FULL: "the disk of the models is full",
    ExitCode.COMFYUI_NOT_INSTALLED: "ComfyUI's program cannot be started",
    ExitCode.COMFYUI_ENDED_AT_START: "ComfyUI ended while it started",
    ExitCode.COMFYUI_SILENT_AT_START: "ComfyUI did not answer in time while it started",
    ExitCode.COMFYUI_PORT_TAKEN: "another program has ComfyUI's port",
    ExitCode.COMFYUI_LOST: "ComfyUI cannot serve any more",
    ExitCode.INTERNAL: "a bug of the worker",
}
