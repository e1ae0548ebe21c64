"""What was emitted, read back: every file is one of its language, before any is written.

A fault here is ours, never the graph's: whatever a graph holds, an earlier stage refuses it or a filter quotes it.
"""

from __future__ import annotations

import ast
import builtins
import io
import tomllib
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

import yaml

from comfy2runpod.strict_json import strict_json
from comfy2runpod_contract.texts import visible

# What a module has without defining it.
_OF_MODULES = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__"}
# pairs of a field's constraints, the lesser first.
_ORDERED = (("ge", "le"), ("ge", "lt"), ("gt", "le"), ("gt", "lt"), ("min_length", "max_length"))


class PackageFault(Exception):
    """A package that was made wrong: ours to mend."""


def verify(files: Mapping[str, str | bytes]) -> None:
    """Reads every file of a package.

    Raises:
        PackageFault: one is not what its name says; nothing may be written then.
    """
    for name, content in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or visible(name) != name:
            raise PackageFault(f"{name!r} is no path inside a package")
        fault = _fault(path.suffix, content)
        if fault:
            raise PackageFault(f"{name}: {fault}")


# Most of a package is the same for every graph.
@lru_cache(maxsize=128)
def _fault(suffix: str, content: str | bytes) -> str:
    if isinstance(content, bytes):
        return "it is no archive" if suffix == ".whl" and not zipfile.is_zipfile(io.BytesIO(content)) else ""
    if visible(content) != content:
        return "a control character stands in it raw"
    read = _READERS.get(suffix)
    if read is None:
        return ""
    try:
        read(content)
    except (ValueError, SyntaxError, yaml.YAMLError, SyntaxWarning, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _read_python(text: str) -> None:
    """Compiles a module, and looks for what would fail when it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = ast.parse(text)
        # Found by the compiler alone: a name that is global and a parameter, `return` outside a function.
        compile(tree, "<package>", "exec")
    known = _OF_MODULES | set(_bound(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in known:
            raise ValueError(f"line {node.lineno}: {node.id} is defined nowhere")
        if isinstance(node, ast.Call):
            _check_bounds(node)


def _bound(tree: ast.AST) -> Iterator[str]:
    """Every name that a module binds somewhere."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
            case ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name):
                yield name
            case ast.MatchStar(name=str() as name) | ast.MatchMapping(rest=str() as name):
                yield name
            case _:
                pass


def _check_bounds(call: ast.Call) -> None:
    """That a field's bounds hold a value."""
    numbers = {keyword.arg: number for keyword in call.keywords if (number := _number(keyword.value)) is not None}
    for low, high in _ORDERED:
        if low in numbers and high in numbers and numbers[low] > numbers[high]:
            raise ValueError(f"line {call.lineno}: {low}={numbers[low]} is beyond {high}={numbers[high]}")


def _number(node: ast.expr) -> float | None:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case _:
            return None


def _read_yaml(text: str) -> None:
    yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


_READERS: Mapping[str, Callable[[str], object]] = {
    ".py": _read_python,
    ".json": strict_json,
    ".yml": _read_yaml,
    ".toml": tomllib.loads,
}
