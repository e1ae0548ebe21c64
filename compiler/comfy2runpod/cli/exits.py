"""Exit codes, and the error of a place that could not be reached."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, render

REFUSED, UNREACHABLE, BUG = 1, 3, 4


class UnreachableError(Exception):
    """A file or a network that could not be reached, said as a diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(render([diagnostic]))
        self.diagnostic = diagnostic
