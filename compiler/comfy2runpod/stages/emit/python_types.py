"""What generated Python calls the builtin types, and the classes that it makes for outputs.

A class body looks a name up among its own members first: a field named `str` with a text as its default would make of
every later `Annotated[str, ...]` whatever that text says, which pydantic evaluates. So no class body looks up a name
that a graph could give: graphs name things in lower case, and each of these begins with a capital.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from comfy2runpod.quoting import Python, Word, camel, name

_BUILTINS = {
    "Bool": "bool",
    "Dict": "dict",
    "Float": "float",
    "Int": "int",
    "List": "list",
    "Object": "object",
    "Str": "str",
}
# Classes that a package or its clients have anyway.
_TAKEN = frozenset({"AnswerFile", "MediaFile"})


def builtins_of(types: Iterable[str]) -> tuple[Python, ...]:
    """What is imported of `builtins` for these annotations, Python source: `int as Int`."""
    found = {
        node.id
        for annotation in types
        for node in ast.walk(ast.parse(annotation, mode="eval"))
        if isinstance(node, ast.Name)
    }
    return tuple(Python(f"{builtin} as {ours}") for ours, builtin in _BUILTINS.items() if ours in found)


def file_classes(outputs: Iterable[str]) -> Mapping[str, Word]:
    """The class of a file of each output, each name once: `a_b` has ABFile, and `a__b` beside it ABFile_2."""
    taken = set(_TAKEN)
    found: dict[str, Word] = {}
    for output in outputs:
        found[output] = unused(f"{camel(output)}File", taken)
        taken.add(found[output])
    return found


def unused(base: str, taken: Iterable[str]) -> Word:
    """A class's name, with a number behind it if others have it; names made of a graph's hold no underscore."""
    free, number, others = base, 1, frozenset(taken)
    while free in others:
        number += 1
        free = f"{base}_{number}"
    return name(free)
