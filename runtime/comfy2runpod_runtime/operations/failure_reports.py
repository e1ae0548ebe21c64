"""Failure reports: a JSON file for each failed job, on a volume that outlives the worker.

    <REPORT_DIR>/20261128T010203Z-comfyui_error-<prompt id>.json

A report contains the error, the job's states and timings, the queued prompt, versions, and the end of ComfyUI's log. It
contains no secrets and no files of the caller. The number and total size of reports are limited; the oldest are
deleted. If a report cannot be written, that is logged, and the job's answer stays the same.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
import os
import platform
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.errors import JobFailed
from comfy2runpod_runtime.job_states import JobLifecycle
from comfy2runpod_runtime.operations.redaction import Redactor
from comfy2runpod_runtime.prompt import Prompt

log = logging.getLogger(__name__)

# A network volume may hang, and the answer must not wait for it.
_WRITE_SECONDS = 5.0
# A longer text is not a person's prompt but an encoded file, and is omitted.
_MAX_TEXT_LENGTH = 4000
_PACKAGES = ("comfy2runpod", "runpod", "aiohttp", "av", "pillow", "pydantic")


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What is known about a failure besides the error.

    Attributes:
        prompt: the prompt, if the job got that far.
        comfyui_version: the version of ComfyUI, if it ever answered.
        comfyui_log: the end of the log of the worker's own ComfyUI.
    """

    prompt: Prompt | None
    comfyui_version: str | None
    comfyui_log: Sequence[str]


class FailureReports:
    """The reports in one folder, which several workers may share.

    Args:
        folder: where to write reports.
        max_files: how many reports to keep.
        max_bytes: the total size of the reports to keep.
    """

    def __init__(self, folder: Path, max_files: int, max_bytes: int) -> None:
        self._folder = folder
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._redact = Redactor(os.environ)

    async def write(self, job: JobLifecycle, error: JobFailed, diagnostics: Diagnostics) -> None:
        """Writes the report of a failed job, and deletes the oldest reports beyond the limits.

        Args:
            job: the job, which has ended.
            error: why it failed.
            diagnostics: what else is known.
        """
        report = self._redact.json(_report(job, error, diagnostics))
        text = json.dumps(report, indent=1, ensure_ascii=False)
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{at}-{error.code}-{job.prompt_id}.json"
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await asyncio.to_thread(self._write, name, text)
        except (OSError, TimeoutError, UnicodeError) as failed:
            log.warning("the failure report %s could not be written: %s", name, str(failed) or type(failed).__name__)

    def _write(self, name: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / f".{name}.new"
        new.write_text(text, encoding="utf-8", errors="backslashreplace")
        new.replace(self._folder / name)
        log.info("failure report written to %s", self._folder / name)
        # Names begin with the time, so this goes from the newest to the oldest.
        bytes_left = self._max_bytes
        for index, path in enumerate(sorted(self._folder.glob("*Z-*.json"), reverse=True)):
            # Another worker on the same volume may have deleted it.
            with suppress(FileNotFoundError):
                bytes_left -= path.stat().st_size
                if index >= self._max_files or bytes_left < 0:
                    path.unlink()


def _report(job: JobLifecycle, error: JobFailed, diagnostics: Diagnostics) -> JsonObject:
    states: list[Json] = [state.value for state in job.states]
    lines: list[Json] = [*diagnostics.comfyui_log]
    cause = error if error.__cause__ is None else error.__cause__
    return {
        "error": error.to_json(),
        **job.to_json(),
        "states": states,
        **job.summary(),
        "versions": _versions(diagnostics.comfyui_version),
        "traceback": "".join(traceback.format_exception(cause)),
        "comfyui_log": lines,
        "prompt": None if diagnostics.prompt is None else _without_files(diagnostics.prompt),
    }


def _versions(comfyui: str | None) -> JsonObject:
    versions: JsonObject = {"python": platform.python_version(), "comfyui": comfyui}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _without_files(value: object) -> Json:
    """Copies a prompt, with long texts replaced by their length."""
    match value:
        case str() if len(value) > _MAX_TEXT_LENGTH:
            return f"(a text of {len(value):,} characters)"
        case dict():
            return {str(key): _without_files(item) for key, item in value.items()}
        case list():
            return [_without_files(item) for item in value]
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)
