"""How classes check inputs in their own way: a function a kind of check. Which class does which is a fact.

A check is handed the node's constants; a linked input is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import assert_never

from comfy2runpod.catalog.facts.kinds import CheckKind, OwnCheck
from comfy2runpod.server_check.faults import CheckRaised
from comfy2runpod.server_check.inputs import Present
from comfy2runpod_contract.json_types import Json


def own_check(own: OwnCheck, given: Mapping[str, Json], types: Mapping[str, Json], present: Present) -> str | None:
    """What a class's own check finds wrong, or None.

    Args:
        own: the check.
        given: the inputs that it is handed.
        types: the types of the links into the node, by input.
        present: which files there are.

    Raises:
        CheckRaised: an input that it needs is not there, or is not what it expects.
    """
    if own.check is CheckKind.LINK_TYPE:
        return _link_type(own, types)
    missing = [name for name in own.inputs if name not in given]
    if missing:
        plural = "s" if len(missing) > 1 else ""
        wanted = f"{len(missing)} required positional argument{plural}: {_listed(missing)}"
        raise CheckRaised("TypeError", f"{own.function}() missing {wanted}", *missing)
    match own.check:
        case CheckKind.ANYTHING:
            return None
        case CheckKind.INPUT_FILE:
            return _input_file(own, given, present)
        case CheckKind.ANY_NONZERO:
            return _any_nonzero(own, given)
        case CheckKind.ASPECT_RATIO:
            return _aspect_ratio(own, given)
    assert_never(own.check)


def _listed(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    if len(quoted) < 3:  # noqa: PLR2004 - Python joins two names without a comma
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def _input_file(own: OwnCheck, given: Mapping[str, Json], present: Present) -> str | None:
    name = own.inputs[0]
    value = given[name]
    if not isinstance(value, str):
        raise CheckRaised("AttributeError", f"{type(value).__name__!r} object has no attribute 'endswith'", name)
    return None if present.annotated(value) else f"Invalid {own.what} file: {value}"


def _any_nonzero(own: OwnCheck, given: Mapping[str, Json]) -> str | None:
    for name in own.inputs:
        value = given[name]
        if not isinstance(value, (int, float)):
            raise CheckRaised("TypeError", f"must be real number, not {type(value).__name__}", name)
        try:
            if not math.isclose(value, 0.0):
                return None
        except OverflowError as error:
            raise CheckRaised("OverflowError", str(error), name) from None
    return own.refusal


def _aspect_ratio(own: OwnCheck, given: Mapping[str, Json]) -> str | None:
    name = own.inputs[0]
    text = given[name]
    if not isinstance(text, str):
        raise CheckRaised("AttributeError", f"{type(text).__name__!r} object has no attribute 'split'", name)
    parts = text.split(":")
    if len(parts) != 2:  # noqa: PLR2004 - width and height
        raise CheckRaised("ValueError", f"Aspect ratio must be 'X:Y' (e.g., 16:9), got '{text}'.", name)
    try:
        width, height = (int(part.strip()) for part in parts)
    except ValueError:
        message = f"Aspect ratio must contain integers separated by ':', got '{text}'."
        raise CheckRaised("ValueError", message, name) from None
    if width <= 0 or height <= 0:
        raise CheckRaised("ValueError", f"Aspect ratio parts must be positive integers, got {width}:{height}.", name)
    try:
        ratio = width / height
    except OverflowError as error:
        raise CheckRaised("OverflowError", str(error), name) from None
    if ratio < own.least or ratio > own.most:
        bound = own.least if ratio < own.least else own.most
        raise CheckRaised("ValueError", f"Aspect ratio `{ratio:.2g}` must be ≤ {bound:.2g}.", name)
    return None


def _link_type(own: OwnCheck, types: Mapping[str, Json]) -> str | None:
    name = own.inputs[0]
    if name not in types:
        raise CheckRaised("KeyError", repr(name), name)
    return None if types[name] in own.types else own.refusal
