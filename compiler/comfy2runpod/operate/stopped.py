"""What ends a batch before its end."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic


class BatchStopped(Exception):
    """A folder or an endpoint that cannot be reached; `diagnostic` says why. The same command goes on later."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.reason)
        self.diagnostic = diagnostic
