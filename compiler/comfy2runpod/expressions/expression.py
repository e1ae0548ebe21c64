"""The small arithmetic that an annotation may put between a field and an input: integers only, checked when compiled.

    round_up(width, 64)          (round_up(width, 64) - width) // 2

Known are the field's own name, integers, + - * // %, and round_up, round_down, min, max. What is written is bounded in
length and depth, and every part of it in size, so that neither the check nor a worker computes for long.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from comfy2runpod.expressions import intervals
from comfy2runpod.expressions.intervals import LARGEST, Domain, Range, TooLarge
from comfy2runpod_contract.rounding import round_down, round_up

VALUE = "value"

_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}
_FUNCTIONS: Mapping[str, Callable[[int, int], int]] = {
    "round_up": round_up,
    "round_down": round_down,
    "min": min,
    "max": max,
}
_MAX_LENGTH = 500
_MAX_DEPTH = 40
# What anybody writes in an expression fits 64 bits.
_MAX_CONSTANT = 2**64


class ExpressionError(ValueError):
    """The text is not such an expression; the message says which part."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. `python` is its text over the name `value`, `size` the number of its parts."""

    python: str
    tree: ast.expr
    size: int

    def __call__(self, value: int) -> int:
        """The expression's value.

        Raises:
            ZeroDivisionError: it divides by zero there.
            TooLarge: a part of it is beyond what any input takes.
        """
        return _evaluate(self.tree, value)

    def within(self, domain: Domain) -> Range:
        """Where its value can lie for the values of a domain: never less than where it does.

        Raises:
            ZeroPossible: it may divide by zero somewhere there.
            TooLarge: a part of it may be beyond what any input takes.
        """
        return _range(self.tree, domain)


def python_over(python: str, source: str) -> str:
    """A checked expression's text with `source`, an attribute or subscript, in the value's place."""
    replaced = ast.parse(source, mode="eval").body
    return ast.unparse(_Replace(replaced).visit(ast.parse(python, mode="eval").body)).replace("'", '"')


def rounding_of(python: str) -> frozenset[str]:
    """Which of the rounding functions a checked expression's text calls."""
    return frozenset(
        node.func.id
        for node in ast.walk(ast.parse(python, mode="eval"))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ) - {"min", "max"}


class _Replace(ast.NodeTransformer):
    """Puts another expression in the value's place."""

    def __init__(self, source: ast.expr) -> None:
        self._source = source

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._source if node.id == VALUE else node


def parse_expression(text: str, name: str) -> Expression:
    """Reads an expression over the field `name`.

    Raises:
        ExpressionError: syntax, an unknown name, anything but the arithmetic above, or more than its bounds.
    """
    if len(text) > _MAX_LENGTH:
        raise ExpressionError(f"it has more than {_MAX_LENGTH} characters")
    return _parsed(text, name)


def read_again(python: str) -> Expression:
    """Reads the `python` of an expression, which may be longer than what it was made of.

    Raises:
        ExpressionError: it is none.
    """
    return _parsed(python, VALUE)


def _parsed(text: str, name: str) -> Expression:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError("it is not an expression") from None
    size = _size(tree)
    checked = _checked(tree, name)
    return Expression(ast.unparse(checked), checked, size)


def _size(tree: ast.expr) -> int:
    """The number of its parts; they stand in each other only so deep."""
    level: list[ast.expr] = [tree]
    size = 0
    for _ in range(_MAX_DEPTH):
        size += len(level)
        level = [inner for part in level for inner in ast.iter_child_nodes(part) if isinstance(inner, ast.expr)]
        if not level:
            return size
    raise ExpressionError(f"its parts stand in each other more than {_MAX_DEPTH} deep")


def _checked(node: ast.expr, name: str) -> ast.expr:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            if number > _MAX_CONSTANT:
                raise ExpressionError("a number in it is larger than 2 to the power of 64")
            return ast.Constant(number)
        case ast.Name(id=found) if found == name:
            return ast.Name(VALUE, ast.Load())
        case ast.Name(id=found):
            raise ExpressionError(f"{found} is not the field's name ({name})")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ast.UnaryOp(ast.USub(), _checked(operand, name))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return ast.BinOp(_checked(left, name), op, _checked(right, name))
        case ast.Call(func=ast.Name(id=function), args=[first, second], keywords=[]) if function in _FUNCTIONS:
            arguments = [_checked(first, name), _checked(second, name)]
            return ast.Call(ast.Name(function, ast.Load()), arguments, [])
    raise ExpressionError(f"{ast.unparse(node)} is not allowed in it")


def _evaluate(node: ast.expr, value: int) -> int:
    match node:
        case ast.Constant(value=int() as number):
            result = number
        case ast.UnaryOp(operand=operand):
            result = -_evaluate(operand, value)
        case ast.BinOp(left=left, op=op, right=right):
            result = _OPERATORS[type(op)](_evaluate(left, value), _evaluate(right, value))
        case ast.Call(func=ast.Name(id=function), args=[first, second]):
            result = _FUNCTIONS[function](_evaluate(first, value), _evaluate(second, value))
        case _:
            result = value
    if not -LARGEST <= result <= LARGEST:
        raise TooLarge
    return result


def _range(node: ast.expr, domain: Domain) -> Range:
    match node:
        case ast.Constant(value=int() as number):
            return intervals.constant(number)
        case ast.UnaryOp(operand=operand):
            return intervals.negated(_range(operand, domain))
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _range(left, domain), _range(right, domain)
            match op:
                case ast.Add():
                    return intervals.added(a, b, domain)
                case ast.Sub():
                    return intervals.added(a, intervals.negated(b), domain)
                case ast.Mult():
                    return intervals.multiplied(a, b, domain)
                case ast.FloorDiv():
                    return intervals.floor_divided(a, b, domain)
                case _:
                    return intervals.remainder(a, b, domain)
        case ast.Call(func=ast.Name(id=function), args=[first, second]):
            a, b = _range(first, domain), _range(second, domain)
            if function in ("min", "max"):
                return intervals.chosen(a, b, domain, least=function == "min")
            return intervals.rounded(a, b, domain, up=function == "round_up")
        case _:
            return intervals.variable(domain)
