"""The error that stops a batch."""

from __future__ import annotations

from comfy2runpod.diagnostics import UnreachableError


class BatchStopped(UnreachableError):
    """The folder or the endpoint cannot be used. The same command resumes the batch later."""
