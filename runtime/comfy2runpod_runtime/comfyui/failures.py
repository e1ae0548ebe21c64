"""What a node's failure means for the caller: which error it is, in words without paths."""

from __future__ import annotations

import errno

from comfy2runpod_runtime.comfyui.client import Failure
from comfy2runpod_runtime.errors import ComfyUIError, DiskFull, JobError, OutOfMemory, caller_safe
from comfy2runpod_runtime.job.prompt import Prompt, title_of

# How torch, its allocator and ComfyUI say it; older torch raises a RuntimeError with the words.
_MEMORY_KINDS = frozenset({"OutOfMemoryError", "MemoryError"})
_MEMORY_WORDS = ("cuda out of memory", "hip out of memory", "cuda error: out of memory", "can't allocate memory")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_WORDS = ("no space left on device", *(f"[errno {number}]" for number in sorted(_FULL)))


def failure_error(prompt: Prompt, failure: Failure | None) -> JobError:
    """The error for a prompt that ComfyUI says has failed."""
    if failure is None:
        return ComfyUIError("ComfyUI ended the job with an error and gave no reason.")
    where = f"{title_of(prompt, failure.node_id)} (node {failure.node_id}, {failure.class_type})"
    kind, said = failure.exception_type.rpartition(".")[2], failure.message.lower()
    if kind in _MEMORY_KINDS or any(words in said for words in _MEMORY_WORDS):
        return OutOfMemory(f"{where} ran out of memory. Ask for a smaller size or less at once.")
    if any(words in said for words in _FULL_WORDS):
        return DiskFull(f"{where} found the disk full.")
    return ComfyUIError(f"{where} failed: {kind}: {caller_safe(failure.message, 300)}")


def disk_full(error: OSError) -> DiskFull | None:
    """The error for a full disk of the worker's own; None if it is something else."""
    return DiskFull("The worker's disk is full.") if error.errno in _FULL else None
