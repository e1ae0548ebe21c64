"""The worker's log: JSON lines on RunPod, text elsewhere. Each line names its job; secrets are redacted.

{"at": "2026-11-28T01:02:03.456Z", "level": "info", "message": "…", "job": "…", "prompt_id": "…",
 "state": "running", "seconds_in_state": 1.2, "seconds": 3.4, …}
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO, TypeAlias

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.job_states import JobLifecycle
from comfy2runpod_runtime.operations.redaction import Redactor

LogFormat: TypeAlias = Literal["auto", "json", "text"]

_current_job: ContextVar[JobLifecycle | None] = ContextVar("current_job", default=None)


@contextmanager
def job_logging(job: JobLifecycle) -> Iterator[None]:
    """Attaches a job to all lines that are logged in this context, and in tasks and threads that are started in it."""
    token = _current_job.set(job)
    try:
        yield
    finally:
        _current_job.reset(token)


def log_fields(job: JobLifecycle | None = None, /, **fields: Json) -> dict[str, object]:
    """Returns the `extra` of a log call.

    Args:
        job: the job of the line, if it is logged outside of `job_logging`.
        fields: what the line has beside its message.
    """
    return {"fields": fields, "job": job}


def configure_logging(log_format: LogFormat, stream: TextIO | None = None, *, brief: bool = False) -> None:
    """Sends all log records to one handler.

    Args:
        log_format: `auto` is JSON on RunPod, else text.
        stream: where to write; None for standard error.
        brief: warnings only, without tracebacks and without the result of a job, which its answer has.
    """
    if log_format == "auto":
        on_runpod = "RUNPOD_WEBHOOK_GET_JOB" in os.environ or "RUNPOD_POD_ID" in os.environ
        log_format = "json" if on_runpod else "text"
    redact = Redactor(os.environ)
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(_JsonFormatter(redact) if log_format == "json" else _TextFormatter(redact))
    if brief:
        handler.addFilter(_brief_filter)
    logging.basicConfig(level=logging.WARNING if brief else logging.INFO, handlers=[handler], force=True)
    for verbose in ("httpx", "botocore", "boto3", "s3transfer"):
        logging.getLogger(verbose).setLevel(logging.WARNING)


def _job_and_fields(record: logging.LogRecord) -> tuple[JobLifecycle | None, JsonObject]:
    return getattr(record, "job", None) or _current_job.get(), getattr(record, "fields", {})


def _brief_filter(record: logging.LogRecord) -> bool:
    """Drops the result of a job, and removes tracebacks."""
    if record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", None
        record.exc_info = record.exc_text = None
    return "result" not in getattr(record, "fields", {})


def _traceback(record: logging.LogRecord) -> str:
    return "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""


class _JsonFormatter(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        job, fields = _job_and_fields(record)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: JsonObject = {"at": at, "level": record.levelname.lower(), "message": record.getMessage()}
        line.update({} if job is None else job.to_json())
        line.update(fields)
        if record.exc_info:
            line["exception"] = _traceback(record)
        # Before it is encoded: a secret may have a character that JSON escapes.
        return json.dumps(self._redact.json(line), ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        job, fields = _job_and_fields(record)
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f"{record.levelname}: "
        text = f"{at} {level}{self._redact(record.getMessage())}"
        if job is not None:
            text += f" [{job.job_id or 'a job'} {job.state} {job.seconds:.1f} s]"
        if fields:
            text += f" {json.dumps(self._redact.json(fields), ensure_ascii=False)}"
        return "\n".join(part.rstrip() for part in (text, self._redact(_traceback(record))) if part)
