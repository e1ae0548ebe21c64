"""The worker's log: JSON lines where machines read it, text elsewhere; each line with its job; secrets omitted.

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
from comfy2runpod_runtime.job.job_states import Life
from comfy2runpod_runtime.operations.redaction import Redactor

LogFormat: TypeAlias = Literal["auto", "json", "text"]

_life: ContextVar[Life | None] = ContextVar("life", default=None)


@contextmanager
def about(life: Life) -> Iterator[None]:
    """Lines that are written here, and in tasks and threads that are begun here, are about this job."""
    token = _life.set(life)
    try:
        yield
    finally:
        _life.reset(token)


def fields(life: Life | None = None, /, **more: Json) -> dict[str, object]:
    """What a line carries beside its message, for `extra`; `life` where the line is written outside of its job."""
    return {"fields": more, "life": life}


def set_up(kind: LogFormat, stream: TextIO | None = None, *, brief: bool = False) -> None:
    """Sends everything that is logged to standard error. `auto`: JSON on RunPod, else text.

    `brief`: warnings only, without a job's end, which its answer tells, and without tracebacks.
    """
    if kind == "auto":
        on_runpod = "RUNPOD_WEBHOOK_GET_JOB" in os.environ or "RUNPOD_POD_ID" in os.environ
        kind = "json" if on_runpod else "text"
    redact = Redactor(os.environ)
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(_JsonLines(redact) if kind == "json" else _Text(redact))
    if brief:
        handler.addFilter(_untold)
    logging.basicConfig(level=logging.WARNING if brief else logging.INFO, handlers=[handler], force=True)
    for talkative in ("httpx", "botocore", "boto3", "s3transfer"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


def _told(record: logging.LogRecord) -> tuple[Life | None, JsonObject]:
    life = getattr(record, "life", None) or _life.get()
    return life, getattr(record, "fields", {})


def _untold(record: logging.LogRecord) -> bool:
    """Whether a line says what an answer does not; it loses its traceback."""
    if record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", None
        record.exc_info = record.exc_text = None
    return "result" not in getattr(record, "fields", {})


def _traceback(record: logging.LogRecord) -> str:
    return "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""


class _JsonLines(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        life, more = _told(record)
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: JsonObject = {"at": at, "level": record.levelname.lower(), "message": record.getMessage()}
        line.update({} if life is None else life.to_json())
        line.update(more)
        if record.exc_info:
            line["exception"] = _traceback(record)
        return self._redact(json.dumps(line, ensure_ascii=False, default=str))


class _Text(logging.Formatter):
    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        life, more = _told(record)
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f"{record.levelname}: "
        text = f"{at} {level}{record.getMessage()}"
        if life is not None:
            text += f" [{life.job_id or 'a job'} {life.state} {life.seconds:.1f} s]"
        if more:
            text += f" {json.dumps(more, ensure_ascii=False, default=str)}"
        return self._redact("\n".join(part.rstrip() for part in (text, _traceback(record)) if part))
