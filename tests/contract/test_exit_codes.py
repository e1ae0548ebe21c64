"""Each error that keeps a worker from starting ends it with a code of its own."""

from __future__ import annotations

import pytest

from comfy2runpod_runtime.errors import (
    ComfyUIBusy,
    ComfyUINotStarted,
    ComfyUIUnavailable,
    InternalError,
    ModelUnavailable,
    OutputMissing,
    PackageError,
    SettingsError,
    VolumeFault,
    exit_code_of,
)
from comfy2runpod_runtime.exit_codes import ExitCode


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ComfyUIUnavailable("x"), ExitCode.COMFYUI_LOST),
        (ComfyUIBusy("x"), ExitCode.COMFYUI_LOST),
        (ComfyUINotStarted("x", ExitCode.COMFYUI_ENDED_AT_START), ExitCode.COMFYUI_ENDED_AT_START),
        (ModelUnavailable("x"), ExitCode.MODELS_UNAVAILABLE),
        (VolumeFault("x", ExitCode.VOLUME_FULL), ExitCode.VOLUME_FULL),
        (PackageError("x"), ExitCode.PACKAGE),
        (SettingsError("x"), ExitCode.SETTINGS),
        (InternalError("x"), ExitCode.INTERNAL),
        (OutputMissing("x"), ExitCode.INTERNAL),
        (ValueError("x"), ExitCode.INTERNAL),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_the_exit_code_of_an_error(error: Exception, code: ExitCode) -> None:
    assert exit_code_of(error) is code
