"""Exit codes of what a command found; those of how its process ended are in `process`."""

from __future__ import annotations

REFUSED, UNREACHABLE, BUG = 1, 3, 4
