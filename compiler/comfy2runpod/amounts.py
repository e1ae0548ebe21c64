"""Numbers and amounts as people write them: finite, in bounds, of so few digits that reading them costs nothing."""

from __future__ import annotations

import re
from fractions import Fraction

from comfy2runpod_contract.limits import LONGEST_EXECUTION_MS, SHORTEST_EXECUTION_MS

# ComfyUI's own largest number, a seed. Beyond it no input takes anything.
LARGEST_WHOLE = 2**64 - 1
# A petabyte.
LARGEST_SIZE = 10**15
# Of images, pixels and seconds as they are followed through a graph: what is larger counts as so many.
LARGEST_COUNT = 10**12

_WHOLE = re.compile(r"([+-]?)0*([0-9]{1,20})")
_DECIMAL = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,5})?")
_AMOUNT = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([A-Za-z]*)")
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_PIXELS = {"": 1, "MP": 10**6}
_SECONDS = {"": 1, "S": 1, "M": 60, "H": 3600}


def whole_number(text: str) -> int | None:
    """A whole number up to LARGEST_WHOLE, of either sign; digits may be told apart by `_`."""
    match = _WHOLE.fullmatch(text.strip().replace("_", ""))
    if match is None:
        return None
    number = int(match[1] + match[2])
    return number if -LARGEST_WHOLE <= number <= LARGEST_WHOLE else None


def decimal_number(text: str) -> float | None:
    """A finite number."""
    if _DECIMAL.fullmatch(text.strip()) is None:
        return None
    number = float(text)
    return number if number - number == 0 else None


def size_in_bytes(text: str) -> int | None:
    """A size such as `27.1GB`, to the byte; up to LARGEST_SIZE."""
    return _amount(text, _UNITS, LARGEST_SIZE)


def number_of_pixels(text: str) -> int | None:
    """A number of pixels, or of megapixels such as `32MP`."""
    return _amount(text, _PIXELS, LARGEST_SIZE)


def seconds_of(text: str) -> int | None:
    """A length of time such as `30s` or `1.5m`, which is a whole number of seconds; up to LARGEST_COUNT."""
    return _amount(text, _SECONDS, LARGEST_COUNT, exact=True)


def time_in_seconds(text: str) -> int | None:
    """A time such as `30m` that RunPod lets a job run, in whole seconds."""
    seconds = _amount(text, _SECONDS, LONGEST_EXECUTION_MS // 1000)
    return seconds if seconds is not None and seconds * 1000 >= SHORTEST_EXECUTION_MS else None


def _amount(text: str, units: dict[str, int], most: int, *, exact: bool = False) -> int | None:
    match = _AMOUNT.fullmatch(text.strip())
    unit = None if match is None else units.get(match[2].upper())
    if match is None or unit is None:
        return None
    amount = Fraction(match[1]) * unit
    if exact and amount.denominator != 1:
        return None
    return round(amount) if amount <= most else None
