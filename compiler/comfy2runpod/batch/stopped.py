"""What ends a batch before its end."""

from __future__ import annotations

from comfy2runpod.diagnostics import UnreachableError


class BatchStopped(UnreachableError):
    """A folder or an endpoint that cannot be reached. The same command goes on later."""
