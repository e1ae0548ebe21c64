"""The analysis of an expression agrees with trying every value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from comfy2runpod.expressions.bounds import Fault, Work, first_fault
from comfy2runpod.expressions.expression import Expression, parse_expression
from comfy2runpod.expressions.intervals import Domain, TooLarge, ZeroPossible

from .ending import bounded

_leaves = st.just("x") | st.integers(0, 12).map(str) | st.sampled_from(["16", "64", "1000", "9999999999"])
_expressions = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        inner.map(lambda a: f"-({a})"),
        st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%"]), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        st.tuples(st.sampled_from(["round_up", "round_down", "min", "max"]), inner, inner).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]})"
        ),
    ),
    max_leaves=10,
).filter(lambda text: len(text) <= 500)
_values = st.tuples(st.integers(-60, 60), st.integers(1, 9), st.integers(1, 60)).map(
    lambda given: range(given[0], given[0] + given[1] * (given[2] - 1) + 1, given[1])
)


def _result(expression: Expression, value: int) -> int | None:
    try:
        return expression(value)
    except (ZeroDivisionError, TooLarge):
        return None


@given(text=_expressions, values=_values)
def test_a_range_holds_every_result(text: str, values: range) -> None:
    expression = parse_expression(text, "x")
    results = [_result(expression, value) for value in values]
    try:
        found = expression.within(Domain(0, len(values) - 1, values.start, values.step))
    except (ZeroPossible, TooLarge):
        return
    for n, result in enumerate(results):
        assert result is not None, f"{text} fails for {values[n]}"
        assert found.low <= result <= found.high
        assert found.slope * n + found.least <= result <= found.slope * n + found.most


@given(text=_expressions, values=_values, low=st.integers(-100, 100), width=st.integers(0, 500))
def test_the_verdict_is_that_of_trying_each_value(text: str, values: range, low: int, width: int) -> None:
    expression = parse_expression(text, "x")
    found = first_fault(expression, values, lambda least, most: low <= least and most <= low + width, Work())
    wrong = (v for v in values if (result := _result(expression, v)) is None or not low <= result <= low + width)
    assert (found.value if found is not None else None) == next(wrong, None)


@given(text=_expressions, start=st.integers(-(2**63), 2**63), width=st.integers(10**6, 2**64))
def test_what_is_passed_over_more_values_than_can_be_tried_holds_for_any_of_them(
    text: str, start: int, width: int
) -> None:
    expression, values = parse_expression(text, "x"), range(start, start + width)
    with bounded(text):
        found = first_fault(expression, values, lambda least, most: abs(least) < 10**12 and abs(most) < 10**12, Work())
    tried = {start, start + width - 1, start + width // 2, *(v for v in range(-20, 21) if v in values)}
    if found is None:
        assert all((result := _result(expression, value)) is not None and abs(result) < 10**12 for value in tried)
    elif found.value is not None:
        result = _result(expression, found.value)
        assert result is None or abs(result) >= 10**12


def test_the_division_by_zero_in_the_middle_is_found() -> None:
    expression = parse_expression("16 + 0 * (1 // (x - 500000))", "x")
    found = first_fault(expression, range(16, 1_000_001), lambda least, most: least >= 16 and most <= 16384, Work())
    assert found == Fault(500_000, "a division by zero")


def test_what_an_author_writes_is_proved_over_any_number_of_values() -> None:
    for text, high in (("round_up(x, 64)", 2**62), ("(round_up(x, 64) - x) // 2", 31), ("(x - 1) // 8 * 8 + 1", 2**62)):
        values = range(1, 2**61, 8)
        expression = parse_expression(text, "x")
        assert (
            first_fault(expression, values, lambda least, most, high=high: least >= 0 and most <= high, Work()) is None
        )
