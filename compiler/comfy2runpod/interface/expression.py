"""The small arithmetic that an annotation may put between a field and an input: integers only, checked when compiled.

    round_up(width, 64)          (round_up(width, 64) - width) // 2

Known are the field's own name, integers, + - * // %, and round_up, round_down, min, max.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

VALUE = "value"

_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
}
_FUNCTIONS: Mapping[str, Callable[[int, int], int]] = {
    "round_up": lambda value, multiple: -(-value // multiple) * multiple,
    "round_down": lambda value, multiple: value // multiple * multiple,
    "min": min,
    "max": max,
}
_MAX_LENGTH = 500


class ExpressionError(ValueError):
    """The text is not such an expression; the message says which part."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. `python` is its text over the name `value`."""

    python: str
    tree: ast.expr

    def __call__(self, value: int) -> int:
        """The expression's value.

        Raises:
            ZeroDivisionError: it divides by zero there.
        """
        return _evaluate(self.tree, value)

    def over(self, source: str) -> str:
        """The expression's text with `source`, an attribute or subscript, in the value's place."""
        replaced = ast.parse(source, mode="eval").body
        return ast.unparse(_Replace(replaced).visit(ast.parse(self.python, mode="eval").body)).replace("'", '"')

    @property
    def functions(self) -> frozenset[str]:
        """Which of the rounding functions it calls."""
        return frozenset(
            node.func.id
            for node in ast.walk(self.tree)
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
        ExpressionError: syntax, an unknown name, or anything but the arithmetic above.
    """
    if len(text) > _MAX_LENGTH:
        raise ExpressionError(f"it has more than {_MAX_LENGTH} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError("it is not an expression") from None
    checked = _checked(tree, name)
    return Expression(ast.unparse(checked), checked)


def _checked(node: ast.expr, name: str) -> ast.expr:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
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
            return number
        case ast.Name():
            return value
        case ast.UnaryOp(operand=operand):
            return -_evaluate(operand, value)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left, value), _evaluate(right, value))
        case ast.Call(func=ast.Name(id=function), args=[first, second]):
            return _FUNCTIONS[function](_evaluate(first, value), _evaluate(second, value))
    raise AssertionError(f"not checked: {ast.dump(node)}")
