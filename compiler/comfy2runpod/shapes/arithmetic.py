"""ComfyUI's Math Expression, for numbers: parsed by Python, and computed here of what its evaluator knows."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import TypeAlias

Number: TypeAlias = int | float

_MOST_CHARACTERS = 2000
_MOST_DEPTH = 50
_LARGEST = 10**30
_MOST_EXPONENT = 100
# Every number here is under 10**30; of more digits rounding changes nothing, and Python would compute 10**digits.
_MOST_DIGITS = 30


class NotComputed(ValueError):
    """It is no expression, or has what is not computed here; the text says what."""


_OPERATORS: Mapping[type[ast.AST], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip
_SIGNS: Mapping[type[ast.AST], Callable[[Number], Number]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}


def _round(number: Number, digits: int | None = None) -> Number:
    if digits is not None and not -_MOST_DIGITS <= digits <= _MOST_DIGITS:
        raise NotComputed("it rounds to too many digits")
    return round(number, digits)


_FUNCTIONS: Mapping[str, Callable[..., Number]] = {
    "min": min, "max": max, "abs": abs, "round": _round, "sqrt": math.sqrt, "ceil": math.ceil, "floor": math.floor,
    "log": math.log, "log2": math.log2, "log10": math.log10, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "int": int, "float": float,
}  # fmt: skip


def compute(text: str, names: Mapping[str, Number]) -> Number:
    """The expression's value.

    Raises:
        NotComputed: it is none that is computed here, or it has no value.
    """
    if len(text) > _MOST_CHARACTERS:
        raise NotComputed("it is too long")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _value(tree.body, names, 0)
    except (SyntaxError, ArithmeticError, TypeError, ValueError, RecursionError, MemoryError) as error:
        raise NotComputed(str(error) or type(error).__name__) from None


def _value(node: ast.expr, names: Mapping[str, Number], depth: int) -> Number:
    if depth > _MOST_DEPTH:
        raise NotComputed("it is too deep")
    found = _applied(node, names, [_value(child, names, depth + 1) for child in _children(node)])
    if not abs(found) < _LARGEST:
        raise NotComputed("a number is too large")
    return found


def _applied(node: ast.expr, names: Mapping[str, Number], inner: list[Number]) -> Number:
    match node:
        case ast.Constant(int() | float() as number):
            return number
        case ast.Name(name) if name in names:
            return names[name]
        case ast.UnaryOp(op=sign) if type(sign) in _SIGNS:
            return _SIGNS[type(sign)](inner[0])
        case ast.BinOp(op=ast.Pow()) if abs(inner[1]) <= _MOST_EXPONENT:
            return float(inner[0] ** inner[1])
        case ast.BinOp(op=kind) if type(kind) in _OPERATORS:
            return _OPERATORS[type(kind)](inner[0], inner[1])
        case ast.Compare(ops=[than]) if type(than) in _OPERATORS:
            return _OPERATORS[type(than)](inner[0], inner[1])
        case ast.IfExp():
            return inner[1] if inner[0] else inner[2]
        case ast.Call(ast.Name(name), keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*inner)
    raise NotComputed(f"{type(node).__name__} is not computed here")


def _children(node: ast.expr) -> list[ast.expr]:
    match node:
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.Compare(left=left, comparators=comparators):
            return [left, *comparators]
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return [test, body, orelse]
        case ast.Call(args=arguments):
            return arguments
        case _:
            return []
