"""A job's raw input -> the package's Input, or every fault of it, said for the caller."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from comfy2runpod_runtime.errors import FieldFault, InvalidInput
from comfy2runpod_runtime.fields import nearest_steps
from comfy2runpod_runtime.json_types import json_type, shorten

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Request = TypeVar("Request", bound=BaseModel)

_EXPECTED = {
    "int_type": "an integer",
    "string_type": "a text",
    "float_type": "a number",
    "bool_type": "a boolean",
    "finite_number": "a finite number",
    "int_parsing_size": "an integer that fits the bounds",
}
_FORMS = {
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
}


def validate_request(model: type[Request], raw: object) -> Request:
    """Checks a job's `input` against the package's model.

    Raises:
        InvalidInput: it does not fit; `details` has an entry for each fault.
    """
    if not isinstance(raw, dict):
        raise InvalidInput(
            f"input must be an object with the fields of this endpoint, not {json_type(raw)}.",
            [FieldFault("input", f"must be an object, not {json_type(raw)}")],
        )
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        faults = [_fault(model, detail) for detail in error.errors(include_url=False, include_context=True)]
    text = "; ".join(f"{fault.field}: {fault.message}" for fault in faults[:5])
    more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""  # noqa: PLR2004 - what fits a message
    raise InvalidInput(f"The input was refused. {text}{more}.", faults)


def _fault(model: type[BaseModel], detail: ErrorDetails) -> FieldFault:
    location = detail["loc"]
    name = shorten(str(location[0]), 60) if location else "input"
    return FieldFault(name, _message(model, name, detail))


def _message(model: type[BaseModel], name: str, detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name.casefold(), model.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(model.model_fields)}"
        return f"is not a field of this endpoint; {hint}"
    if kind == "missing":
        return "is required"
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}, not {_shown(value)}"
    if kind in _FORMS:
        return f"{_FORMS[kind].format(**context)}, not {_shown(value)}"
    if kind == "string_too_short":
        return (
            "must not be empty" if context["min_length"] == 1 else f"needs {context['min_length']} characters or more"
        )
    if kind == "string_too_long":
        length = len(value) if isinstance(value, str) else 0
        return f"has {length:,} characters; {context['max_length']:,} at most are allowed"
    if kind == "multiple_of" and isinstance(value, int):
        return _steps(model, name, value, int(context["multiple_of"]), 0)
    if kind == "stepped" and isinstance(value, int):
        return _steps(model, name, value, context["multiple_of"], context["offset"])
    if kind == "literal_error":
        return f"must be one of {context['expected']}, not {_shown(value)}"
    return f"{detail['msg'][:1].lower()}{shorten(detail['msg'][1:], 200)}"


def _steps(model: type[BaseModel], name: str, value: int, multiple_of: int, offset: int) -> str:
    low = high = None
    for constraint in model.model_fields[name].metadata:
        low = getattr(constraint, "ge", low)
        high = getattr(constraint, "le", high)
    near = nearest_steps(value, multiple_of, offset, low, high)
    form = f"{multiple_of}·n + {offset}" if offset else f"a multiple of {multiple_of}"
    nearest = " and ".join(str(step) for step in near)
    return f"must be {form}; the nearest to {value} {'are' if len(near) > 1 else 'is'} {nearest}"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int):
        # A number of a million digits would cost more to print than to refuse.
        return str(value) if abs(value) < 10**30 else "a number of over 30 digits"
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {shorten(value, 40)!r}"
    return json_type(value)
