"""Converts ComfyUI's refusals and failures into the worker's errors, with messages that contain no paths."""

from __future__ import annotations

import errno

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_runtime.comfyui.history import NodeFailure
from comfy2runpod_runtime.errors import ComfyUIError, DiskFull, JobFailed, OutOfMemory, caller_safe
from comfy2runpod_runtime.prompt import Prompt, title_of

# Node errors in the message of a refused prompt.
_MAX_REASONS = 5
# Exceptions of torch, its allocator and ComfyUI. Older torch raises a RuntimeError with one of the messages.
_MEMORY_EXCEPTIONS = frozenset({"OutOfMemoryError", "MemoryError"})
_MEMORY_MESSAGES = ("cuda out of memory", "hip out of memory", "cuda error: out of memory", "can't allocate memory")
_DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DISK_FULL_MESSAGES = ("no space left on device", *(f"[errno {number}]" for number in sorted(_DISK_FULL_ERRNOS)))


def failure_error(prompt: Prompt, failure: NodeFailure | None) -> JobFailed:
    """Returns the error for a prompt that failed.

    Args:
        prompt: the queued prompt, for the nodes' titles.
        failure: the node that failed; None if ComfyUI does not say.
    """
    if failure is None:
        return ComfyUIError("ComfyUI ended the job with an error and gave no reason.")
    node = f"{title_of(prompt, failure.node_id)} (node {failure.node_id}, {failure.class_type})"
    exception, message = failure.exception_type.rpartition(".")[2], failure.message.lower()
    if exception in _MEMORY_EXCEPTIONS or any(text in message for text in _MEMORY_MESSAGES):
        return OutOfMemory(f"{node} ran out of memory. Request a smaller size or fewer frames or images.")
    if any(text in message for text in _DISK_FULL_MESSAGES):
        return DiskFull(f"{node} failed because the disk is full.")
    return ComfyUIError(f"{node} failed: {exception}: {caller_safe(failure.message, 300)}")


def disk_full(error: OSError) -> DiskFull | None:
    """Returns the error for a full disk of the worker; None if the OSError has another cause."""
    return DiskFull("The worker's disk is full.") if error.errno in _DISK_FULL_ERRNOS else None


def refusal_message(prompt: Prompt, answer: JsonObject) -> str:
    """Returns the message for a prompt that ComfyUI refused: each node by its title, with its inputs and reasons.

    Args:
        prompt: the prompt.
        answer: ComfyUI's answer, which is untrusted.
    """
    reasons = []
    node_errors = answer.get("node_errors")
    for node_id, entry in (node_errors if isinstance(node_errors, dict) else {}).items():
        errors = entry.get("errors") if isinstance(entry, dict) else None
        node = f"{title_of(prompt, node_id)} (node {node_id})"
        reasons += [f"{node}: {_error_text(error)}" for error in (errors if isinstance(errors, list) else ())]
    if not reasons:
        reasons.append(_error_text(answer.get("error")))
    more = f" (and {len(reasons) - _MAX_REASONS} more)" if len(reasons) > _MAX_REASONS else ""
    return f"ComfyUI refused the prompt. {'; '.join(reasons[:_MAX_REASONS])}{more}."


def _error_text(error: Json) -> str:
    if not isinstance(error, dict):
        return "it gave no reason" if error is None else caller_safe(str(error))
    extra = error.get("extra_info")
    name = extra.get("input_name") if isinstance(extra, dict) else None
    texts = [str(error[key]) for key in ("message", "details") if error.get(key)]
    prefix = [f"input {name}"] if isinstance(name, str) else []
    return ": ".join([*prefix, *(caller_safe(text) for text in dict.fromkeys(texts) if text != name)])
