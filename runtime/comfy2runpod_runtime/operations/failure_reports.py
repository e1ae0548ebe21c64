"""A failure's report: one JSON file with what is needed to see why, on a volume that outlives the worker.

    <REPORT_DIR>/20261128T010203Z-comfyui_error-<prompt id>.json

It holds the error, the job's states and timings, the prompt as it was queued, versions, and ComfyUI's last lines;
neither secrets nor files that a caller sent. Reports are bounded in number and in bytes: the oldest go. A report that
cannot be written is a line in the log, and changes nothing for the job.
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
from comfy2runpod_runtime.errors import JobError
from comfy2runpod_runtime.job.job_states import Life
from comfy2runpod_runtime.job.prompt import Prompt
from comfy2runpod_runtime.operations.redaction import Redactor

log = logging.getLogger(__name__)

# A volume over the network may hang; the answer of a job that has failed does not wait for it.
_WRITE_SECONDS = 5.0
# A text that is longer is no prompt of a person's, but a file.
_LONGEST_TEXT = 4000
_PACKAGES = ("comfy2runpod", "runpod", "aiohttp", "av", "pillow", "pydantic")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a failure: the prompt if it came to one, ComfyUI's version and last lines if it has any."""

    prompt: Prompt | None
    comfyui_version: str | None
    comfyui_lines: Sequence[str]


class Reports:
    """The reports in one folder: at most so many files and so many bytes of them, whoever wrote them."""

    def __init__(self, folder: Path, most_files: int, most_bytes: int) -> None:
        self._folder = folder
        self._most_files = most_files
        self._most_bytes = most_bytes
        self._redact = Redactor(os.environ)

    async def write(self, life: Life, error: JobError, evidence: Evidence) -> None:
        """Writes the report of a job that has ended, and removes the oldest ones."""
        text = self._redact(json.dumps(_report(life, error, evidence), indent=1, ensure_ascii=False))
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        name = f"{at}-{error.code}-{life.prompt_id}.json"
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await asyncio.to_thread(self._write, name, text)
        except (OSError, TimeoutError, UnicodeError) as failed:
            log.warning("the report %s is not written: %s", name, str(failed) or type(failed).__name__)

    def _write(self, name: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._folder / f".{name}.new"
        new.write_text(text, encoding="utf-8", errors="backslashreplace")
        new.replace(self._folder / name)
        log.info("a report of the failure is in %s", self._folder / name)
        # Names begin with their time.
        left = self._most_bytes
        for index, path in enumerate(sorted(self._folder.glob("*Z-*.json"), reverse=True)):
            # Another worker on the same volume may have removed it.
            with suppress(FileNotFoundError):
                left -= path.stat().st_size
                if index >= self._most_files or left < 0:
                    path.unlink()


def _report(life: Life, error: JobError, evidence: Evidence) -> JsonObject:
    states: list[Json] = [state.value for state in life.passed]
    lines: list[Json] = [*evidence.comfyui_lines]
    cause = error if error.__cause__ is None else error.__cause__
    return {
        "error": error.to_json(),
        **life.to_json(),
        "states": states,
        **life.summary(),
        "versions": _versions(evidence.comfyui_version),
        "traceback": "".join(traceback.format_exception(cause)),
        "comfyui_log": lines,
        "prompt": None if evidence.prompt is None else _without_files(evidence.prompt),
    }


def _versions(comfyui: str | None) -> JsonObject:
    found: JsonObject = {"python": platform.python_version(), "comfyui": comfyui}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _without_files(value: object) -> Json:
    """A prompt's values, the long texts among them by their length."""
    match value:
        case str() if len(value) > _LONGEST_TEXT:
            return f"(a text of {len(value):,} characters)"
        case dict():
            return {str(key): _without_files(item) for key, item in value.items()}
        case list():
            return [_without_files(item) for item in value]
        case str() | int() | float() | None:
            return value
    return str(value)
