"""The rounding that a note's expressions may call: the compiler checks with it, and the worker computes with it."""

from __future__ import annotations


def round_up(value: int, multiple: int) -> int:
    """The next multiple that is not below the value."""
    return -(-value // multiple) * multiple


def round_down(value: int, multiple: int) -> int:
    """The next multiple that is not above the value."""
    return value // multiple * multiple
