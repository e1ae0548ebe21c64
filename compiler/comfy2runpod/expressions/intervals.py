"""Where the value of an arithmetic expression over whole numbers can lie, without trying every value of its variable.

A range is kept in two ways at once, and each narrows the other: as an interval, and as what is left beside a multiple
of the variable. The second knows that `round_up(x, 64) - x` lies from 0 to 63, however wide the range of x is; an
interval alone would add the widths up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from comfy2runpod_contract.rounding import round_down, round_up

# No part of an expression may leave this range: a result of any use fits 64 bits, and so no work is without bound.
LARGEST = 2**128


class ZeroPossible(ArithmeticError):
    """A divisor may be zero."""


class TooLarge(ArithmeticError):
    """A part may be beyond LARGEST."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that the variable has: `start + step * n`, n from `low` to `high`."""

    low: int
    high: int
    start: int = 0
    step: int = 1


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `low` to `high`, and `slope * n` plus something from `least` to `most`; n as in Domain."""

    low: int
    high: int
    slope: Fraction
    least: Fraction
    most: Fraction


def constant(number: int) -> Range:
    """A single number."""
    exact = Fraction(number)
    return Range(number, number, Fraction(0), exact, exact)


def variable(domain: Domain) -> Range:
    """The variable itself."""
    ends = sorted(domain.start + domain.step * n for n in (domain.low, domain.high))
    return Range(ends[0], ends[1], Fraction(domain.step), Fraction(domain.start), Fraction(domain.start))


def negated(a: Range) -> Range:
    """The same with the other sign."""
    return Range(-a.high, -a.low, -a.slope, -a.most, -a.least)


def added(a: Range, b: Range, domain: Domain) -> Range:
    """The sum."""
    return _narrowed(a.low + b.low, a.high + b.high, (a.slope + b.slope, a.least + b.least, a.most + b.most), domain)


def multiplied(a: Range, b: Range, domain: Domain) -> Range:
    """The product."""
    ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    low, high = min(ends), max(ends)
    for one, other in ((a, b), (b, a)):
        if one.low == one.high:
            factor = one.low
            least, most = sorted((other.least * factor, other.most * factor))
            return _narrowed(low, high, (other.slope * factor, least, most), domain)
    return _narrowed(low, high, None, domain)


def floor_divided(a: Range, b: Range, domain: Domain) -> Range:
    """The quotient, rounded down.

    Raises:
        ZeroPossible: b may be 0.
    """
    _no_zero(b)
    # In each of both, with the other held, the quotient only grows or only falls: its ends are at the corners.
    ends = [x // y for x in (a.low, a.high) for y in (b.low, b.high)]
    beside = None
    if b.low == b.high:
        lost = Fraction(abs(b.low) - 1, abs(b.low))
        least, most = sorted((a.least / b.low, a.most / b.low))
        beside = (a.slope / b.low, least - lost, most)
    return _narrowed(min(ends), max(ends), beside, domain)


def remainder(a: Range, b: Range, domain: Domain) -> Range:
    """What is left of a when it is divided by b, with b's sign.

    Raises:
        ZeroPossible: b may be 0.
    """
    _no_zero(b)
    if b.low == b.high and a.low // b.low == a.high // b.low:
        # All in one turn of the divisor.
        return _narrowed(a.low % b.low, a.high % b.low, None, domain)
    if b.low == b.high and a.slope % b.low == 0:
        # A multiple of the divisor beside it leaves nothing.
        least, most = math.ceil(a.least), math.floor(a.most)
        if least // b.low == most // b.low:
            return _narrowed(least % b.low, most % b.low, None, domain)
    if b.low > 0:
        low, high = 0, b.high - 1
        if a.low >= 0:
            high = min(high, a.high)
    else:
        low, high = b.low + 1, 0
        if a.high <= 0:
            low = max(low, a.low)
    return _narrowed(low, high, None, domain)


def rounded(a: Range, b: Range, domain: Domain, *, up: bool) -> Range:
    """`round_up(a, b)` or `round_down(a, b)`.

    Raises:
        ZeroPossible: b may be 0.
    """
    _no_zero(b)
    # By a negative multiple, up is down.
    towards = up == (b.low > 0)
    reach = max(abs(b.low), abs(b.high)) - 1
    below, above = (0, reach) if towards else (reach, 0)
    low, high = a.low - below, a.high + above
    if b.low == b.high:
        multiple = abs(b.low)
        to = round_up if towards else round_down
        low, high = to(a.low, multiple), to(a.high, multiple)
    return _narrowed(low, high, (a.slope, a.least - below, a.most + above), domain)


def chosen(a: Range, b: Range, domain: Domain, *, least: bool) -> Range:
    """`min(a, b)` or `max(a, b)`."""
    pick = min if least else max
    beside = (a.slope, pick(a.least, b.least), pick(a.most, b.most)) if a.slope == b.slope else None
    return _narrowed(pick(a.low, b.low), pick(a.high, b.high), beside, domain)


def _no_zero(b: Range) -> None:
    if b.low <= 0 <= b.high:
        raise ZeroPossible


def _narrowed(low: int, high: int, beside: tuple[Fraction, Fraction, Fraction] | None, domain: Domain) -> Range:
    """Each of both held within the other."""
    if beside is not None:
        slope, least, most = beside
        ends = sorted((slope * domain.low, slope * domain.high))
        low, high = max(low, math.ceil(ends[0] + least)), min(high, math.floor(ends[1] + most))
    else:
        slope, least, most = Fraction(0), Fraction(low), Fraction(high)
    if low < -LARGEST or high > LARGEST:
        raise TooLarge
    return Range(low, high, slope, least, most)
