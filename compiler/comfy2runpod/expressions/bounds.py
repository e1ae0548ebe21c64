"""Whether an expression's result is one that its inputs take, for every value that a field allows.

A part of the values is done with as soon as the range of the result lies within the bounds; else it is halved, down to
single values. Where that decides nothing within its work, values are tried one by one; where there are too many for
that, the expression is refused: a worker must not be the first to try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from comfy2runpod.expressions.expression import Expression
from comfy2runpod.expressions.intervals import LARGEST, Domain, Range, TooLarge, ZeroPossible

# Parts of expressions that are looked at, each some microseconds: for one expression, and for all of a graph.
_HALVING = 20_000
_TRYING = 1_000_000
_FOR_ALL = 4_000_000

Fits = Callable[[int, int], bool]


@dataclass(slots=True)
class Work:
    """What may still be spent on a graph's expressions."""

    left: int = _FOR_ALL

    def take(self, wanted: int) -> bool:
        """Whether so much is left; then it is spent."""
        if wanted > self.left:
            return False
        self.left -= wanted
        return True


@dataclass(frozen=True, slots=True)
class Fault:
    """A value of the field, and what is wrong with the result; None as the value if only a range is known."""

    value: int | None
    result: str


def first_fault(expression: Expression, allowed: range, fits: Fits, work: Work) -> Fault | None:
    """What is wrong with an expression over these values, None if nothing is.

    Args:
        expression: what is computed.
        allowed: the field's values, with the step between them.
        fits: whether all results from one number to another are ones that the input takes.
        work: what may be spent.
    """
    # Not len(): a range of 64-bit bounds has more members than it can tell.
    count = (allowed.stop - 1 - allowed.start) // allowed.step + 1
    waiting = [(0, count - 1)]
    budget = _HALVING
    while waiting:
        low, high = waiting.pop()
        budget -= expression.size
        if budget < 0 or not work.take(expression.size):
            return _tried(expression, allowed, count, fits, work)
        if low == high:
            fault = _at(expression, allowed.start + low * allowed.step, fits)
            if fault is not None:
                return fault
        elif not _within(expression, Domain(low, high, allowed.start, allowed.step), fits):
            middle = (low + high) // 2
            # The lower half first, so that the least value is named.
            waiting += [(middle + 1, high), (low, middle)]
    return None


def _within(expression: Expression, domain: Domain, fits: Fits) -> bool:
    try:
        found = expression.within(domain)
    except (ZeroPossible, TooLarge):
        return False
    return fits(found.low, found.high)


def _at(expression: Expression, value: int, fits: Fits) -> Fault | None:
    try:
        result = expression(value)
    except ZeroDivisionError:
        return Fault(value, "a division by zero")
    except TooLarge:
        return Fault(value, _LARGE)
    return None if fits(result, result) else Fault(value, str(result))


def _tried(expression: Expression, allowed: range, count: int, fits: Fits, work: Work) -> Fault | None:
    if count * expression.size <= _TRYING and work.take(count * expression.size):
        return next(_faults(expression, allowed, fits), None)
    try:
        found = expression.within(Domain(0, count - 1, allowed.start, allowed.step))
    except ZeroPossible:
        return Fault(None, "perhaps a division by zero")
    except TooLarge:
        return Fault(None, _LARGE)
    return Fault(None, _shown(found))


def _faults(expression: Expression, allowed: range, fits: Fits) -> Iterator[Fault]:
    for value in allowed:
        fault = _at(expression, value, fits)
        if fault is not None:
            yield fault


def _shown(found: Range) -> str:
    return f"something from {found.low} to {found.high}, for all that can be told without trying each value"


_LARGE = f"a number beyond 2 to the power of {LARGEST.bit_length() - 1} in between"
