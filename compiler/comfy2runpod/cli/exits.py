"""Exit codes of what a command found; those of how its process ended are in `process`."""

from __future__ import annotations

REFUSED, MISUSED, UNREACHABLE, BUG = 1, 2, 3, 4
