"""Checks an input against the package's schema before it is sent, with the worker's messages.

The worker checks it again. Not checked here is what only the worker knows: whether a URL can be fetched, whether a
file can be decoded, and smaller limits of the operator.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict, cast

from .errors import Detail, InvalidInput
from .files import is_file
from .json_types import json_words
from .wording import FAULTS_IN_MESSAGE, LARGEST_SHOWN, MOST_FAULTS, shorten, shown_value

# What is looked at of a package's own schema.
Schema = TypedDict(
    "Schema",
    {
        "type": "str | list[str]",
        "properties": "Mapping[str, Schema]",
        "required": "list[str]",
        "items": "Schema",
        "minItems": "int",
        "enum": "list[object]",
        "minimum": "float",
        "maximum": "float",
        "multipleOf": "int",
        "minLength": "int",
        "maxLength": "int",
        "x-media": "str",
        "x-step": "int",
        "x-offset": "int",
    },
    total=False,
)


def check_input(schema: Mapping[str, object], request: object) -> None:
    """Checks an input; files may be strings, bytes, paths or open files.

    Args:
        schema: the JSON Schema of the input.
        request: the input.

    Raises:
        InvalidInput: the input is invalid; `details` has an entry for each fault, as in the worker's answer.
    """
    root = cast(Schema, schema)
    if not isinstance(request, Mapping):
        found = [Detail(f"must be an object with the fields of this endpoint, not {json_words(request)}", "input")]
    else:
        found = list(_object_faults(root, root, request, ""))
    if not found and isinstance(request, Mapping):
        found = list(_twice(request))
    refuse(found)


def refuse(found: Sequence[Detail]) -> None:
    """Raises if there are faults.

    Raises:
        InvalidInput: there are faults.
    """
    if not found:
        return
    faults = list(found[:MOST_FAULTS])
    if len(found) > len(faults):
        faults.append(Detail(f"has {len(found) - len(faults)} more faults", "input"))
    text = "; ".join(f"{fault.field}: {fault.message}" for fault in faults[:FAULTS_IN_MESSAGE])
    more = f" (and {len(found) - FAULTS_IN_MESSAGE} more)" if len(found) > FAULTS_IN_MESSAGE else ""
    end = "" if f"{text}{more}".endswith("?") else "."
    raise InvalidInput("invalid_input", f"The input was refused. {text}{more}{end}", tuple(faults))


def _object_faults(root: Schema, schema: Schema, value: Mapping[object, object], path: str) -> Iterator[Detail]:
    properties, required = schema["properties"], schema.get("required", [])
    for name, one in properties.items():
        if name in value:
            yield from _faults(root, one, value[name], path + name)
        elif name in required:
            yield _fault(path + name, "is required")
    for key in value:
        if key not in properties:
            name = shorten(f"{path}{key}", 60)
            near = _nearest(name.casefold(), list(root["properties"]))
            hint = f"did you mean {near}?" if near else f"the fields are {', '.join(root['properties'])}"
            yield _fault(name, f"is not a field of this endpoint; {hint}")


def _faults(root: Schema, schema: Schema, value: object, path: str) -> Iterator[Detail]:
    kinds = _kinds(schema)
    choices = schema.get("enum")
    if value is None and ("null" in kinds or (isinstance(choices, list) and None in choices)):
        return
    if "object" in kinds:
        if isinstance(value, Mapping):
            yield from _object_faults(root, schema, value, f"{path}.")
        else:
            yield _fault(path, f"must be an object, not {shown_value(value)}")
    elif "array" in kinds:
        yield from _list_faults(root, schema, value, path)
    else:
        problem = _problem(schema, kinds, value, path)
        if problem is not None:
            yield _fault(path, problem)


def _list_faults(root: Schema, schema: Schema, value: object, path: str) -> Iterator[Detail]:
    if not isinstance(value, (list, tuple)):
        yield _fault(path, f"must be an array, not {shown_value(value)}")
        return
    items = schema["items"]
    for index, item in enumerate(value):
        yield from _faults(root, items, item, f"{path}.{index}")
    if not value and schema.get("minItems"):
        yield _fault(path, "must not be empty")


def _twice(request: Mapping[object, object]) -> Iterator[Detail]:
    names = request.get("outputs")
    if isinstance(names, (list, tuple)):
        twice = sorted({str(name) for name in names if list(names).count(name) > 1})
        if twice:
            yield Detail(f"names {', '.join(twice)} twice", "outputs")


def _problem(schema: Schema, kinds: Sequence[str], value: object, path: str) -> str | None:
    """What is wrong with a value that is no object and no array."""
    if "x-media" in schema:
        return None if is_file(value) else _text_problem(schema, value)
    if "boolean" in kinds:
        return None if isinstance(value, bool) else f"must be a boolean, not {shown_value(value)}"
    if "integer" in kinds:
        return _integer_problem(schema, value, whole="." not in path)
    if "number" in kinds:
        return _number_problem(schema, value)
    if "enum" in schema:
        return _choice_problem(schema, value, hinted="." not in path)
    return _text_problem(schema, value)


def _text_problem(schema: Schema, value: object) -> str | None:
    if not isinstance(value, str):
        return f"must be a text, not {shown_value(value)}"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "must be whole Unicode text; it holds half of a surrogate pair"
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(value))
    if len(value) < least:
        return "must not be empty" if least == 1 else f"must have at least {least:,} characters, not {len(value):,}"
    return f"must have at most {most:,} characters, not {len(value):,}" if len(value) > most else None


def _integer_problem(schema: Schema, value: object, *, whole: bool) -> str | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return f"must be an integer, not {shown_value(value)}"
    low, high = schema.get("minimum"), schema.get("maximum")
    inside = (low is None or value >= low) and (high is None or value <= high)
    step = schema.get("multipleOf", schema.get("x-step", 1))
    offset = schema.get("x-offset", 0)
    form = f"{step}·n + {offset}" if offset else f"a multiple of {step}"
    if not inside:
        # The worker looks at a step without an offset before it looks at the bounds.
        told = f", {form}" if not offset and value % step else ""
        return f"{_bounds(low, high, value, whole=whole)}{told}, not {shown_value(value)}"
    if (value - offset) % step == 0:
        return None
    below = value - (value - offset) % step
    near = [one for one in (below, below + step) if (low is None or one >= low) and (high is None or one <= high)]
    if not near or abs(value) >= LARGEST_SHOWN:
        return f"must be {form}, not {shown_value(value)}"
    are = "are" if len(near) > 1 else "is"
    return f"must be {form}; the nearest to {value} {are} {' and '.join(map(str, near))}"


def _number_problem(schema: Schema, value: object) -> str | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return f"must be a number, not {shown_value(value)}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a finite number, not {shown_value(value)}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if (low is None or value >= low) and (high is None or value <= high):
        return None
    return f"{_bounds(low, high, value, whole=True)}, not {shown_value(value)}"


def _bounds(low: float | None, high: float | None, value: float, *, whole: bool) -> str:
    """The bound that a value is outside of; both where the worker says both, which is of the input's own fields."""
    if whole and low is not None and high is not None:
        return f"must be from {low} to {high}"
    return f"must be at least {low}" if low is not None and value < low else f"must be at most {high}"


def _choice_problem(schema: Schema, value: object, *, hinted: bool) -> str | None:
    choices = [one for one in schema["enum"] if isinstance(one, str)]
    if isinstance(value, str) and value in choices:
        return None
    listed = [repr(choice) for choice in choices]
    expected = " or ".join([", ".join(listed[:-1]), listed[-1]] if len(listed) > 1 else listed)
    near: list[str] = []
    if hinted and isinstance(value, str):
        near = difflib.get_close_matches(shorten(value, 100), choices, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"must be one of {shorten(expected, 300)}, not {shown_value(value)}{hint}"


def _nearest(name: str, fields: Sequence[str]) -> str | None:
    """The field that an unknown name most likely means: one that is a word of it (`noise_seed`), or is spelt alike."""
    words = name.split("_")
    near = [field for field in fields if field in words] or difflib.get_close_matches(name, fields, n=1, cutoff=0.65)
    return near[0] if near else None


def _kinds(schema: Schema) -> list[str]:
    kinds = schema.get("type", [])
    return kinds if isinstance(kinds, list) else [kinds]


def _fault(path: str, message: str) -> Detail:
    return Detail(message, shorten(path, 60) or "input")
