"""How the editor's number widgets change a value that is written into them; a saved value is never changed."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from comfy2runpod.catalog.node_class import InputSpec
from comfy2runpod_contract.json_types import Json

NUMBERS = frozenset({"INT", "FLOAT"})


def as_number(value: Json) -> int | float | None:
    """A value as arithmetic sees it: numbers and texts that are numbers; None for anything else."""
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        try:
            return as_number(float(value)) if "." in value or "e" in value.casefold() else int(value)
        except ValueError:
            return None
    return None


def merged(first: InputSpec, second: InputSpec) -> InputSpec | None:
    """The number widget that serves both inputs, None if none does: common bounds, and a step that is one of both."""
    if first.type != second.type or first.type not in NUMBERS:
        return None
    low, high = _highest(first.minimum, second.minimum), _lowest(first.maximum, second.maximum)
    if low is not None and high is not None and low > high:
        return None
    if (first.round, first.display_name, first.lazy) != (second.round, second.display_name, second.lazy):
        return None
    low = -math.inf if low is None else low
    high = math.inf if high is None else high
    return replace(first, minimum=low, maximum=high, step=_common_step(first.step or 1, second.step or 1))


def clamped(spec: InputSpec, value: int | float) -> int | float:
    """A value within a widget's bounds."""
    if spec.minimum is not None and value < spec.minimum:
        return spec.minimum
    if spec.maximum is not None and value > spec.maximum:
        return spec.maximum
    return value


def stepped(spec: InputSpec, value: int | float) -> int | float:
    """A value as a widget holds it once it is written: an integer on its step, a decimal rounded and within bounds."""
    if spec.type == "INT":
        step = int(spec.step or 1) or 1
        low = spec.minimum if spec.minimum is not None and math.isfinite(spec.minimum) else 0
        shift = int(math.fmod(low, step))
        return (
            math.floor((value - shift) / step + 0.5) * step + shift
            if isinstance(value, float)
            else _on_step(value, step, shift)
        )
    digits = max(0, -math.floor(math.log10(spec.step or 0.5)))
    unit = spec.round or (10.0**-digits if digits else None)
    if unit is None:
        return value
    rounded = _fixed(math.floor(value / unit + 0.5) * unit, digits)
    # A widget without bounds of its own is given these.
    low, high = (0 if spec.minimum is None else spec.minimum), (2048 if spec.maximum is None else spec.maximum)
    return min(max(rounded, low), high)


def _fixed(value: float, digits: int) -> float:
    """A decimal with so many digits, halves away from zero."""
    return float(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def _on_step(value: int, step: int, shift: int) -> int:
    # In whole numbers, so that a seed of 64 bits keeps all of them.
    return (2 * (value - shift) + step) // (2 * step) * step + shift


def _common_step(first: float, second: float) -> float:
    if isinstance(first, int) and isinstance(second, int):
        return math.lcm(first, second)
    return first if first == second else max(first, second)


def _highest(first: float | None, second: float | None) -> float | None:
    return max((bound for bound in (first, second) if bound is not None), default=None)


def _lowest(first: float | None, second: float | None) -> float | None:
    return min((bound for bound in (first, second) if bound is not None), default=None)
