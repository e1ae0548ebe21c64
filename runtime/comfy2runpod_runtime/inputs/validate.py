"""Validates a job's raw input against the package's model, with messages for the caller."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from comfy2runpod_contract.json_types import json_words
from comfy2runpod_contract.wording import FAULTS_IN_MESSAGE, LARGEST_SHOWN, MOST_FAULTS, shorten, shown_value
from comfy2runpod_runtime.errors import FieldFault, InvalidInput
from comfy2runpod_runtime.inputs.field_types import nearest_steps

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Request = TypeVar("Request", bound=BaseModel)

_EXPECTED = {
    "int_type": "an integer",
    "int_parsing_size": "an integer that fits the bounds",
    "string_type": "a text",
    "float_type": "a number",
    "bool_type": "a boolean",
    "finite_number": "a finite number",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_ONE_SIDED = {
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
}


def validate_request(model: type[Request], raw: object) -> Request:
    """Validates a job's `input`.

    Args:
        model: the package's request model.
        raw: the input as the job carries it.

    Raises:
        InvalidInput: the input is invalid; `details` has an entry for each fault.
    """
    if not isinstance(raw, dict):
        what = f"must be an object with the fields of this endpoint, not {json_words(raw)}"
        raise InvalidInput(f"The input was refused. input: {what}.", [FieldFault("input", what)])
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        found = error.errors(include_url=False)
    faults = [_fault(model, detail) for detail in found[:MOST_FAULTS]]
    if len(found) > len(faults):
        faults.append(FieldFault("input", f"has {len(found) - len(faults)} more faults"))
    text = "; ".join(f"{fault.field}: {fault.message}" for fault in faults[:FAULTS_IN_MESSAGE])
    more = f" (and {len(found) - FAULTS_IN_MESSAGE} more)" if len(found) > FAULTS_IN_MESSAGE else ""
    end = "" if f"{text}{more}".endswith("?") else "."
    raise InvalidInput(f"The input was refused. {text}{more}{end}", faults)


def _fault(model: type[BaseModel], detail: ErrorDetails) -> FieldFault:
    name = shorten(".".join(str(part) for part in detail["loc"][:4]), 60) or "input"
    return FieldFault(name, _message(model, name, detail))


def _message(model: type[BaseModel], name: str, detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    match kind:
        case "extra_forbidden":
            near = _nearest_field(model, name.casefold())
            hint = f"did you mean {near}?" if near else f"the fields are {', '.join(model.model_fields)}"
            return f"is not a field of this endpoint; {hint}"
        case "too_short" if isinstance(value, list):
            return "must not be empty"
        case "missing":
            return "is required"
        case "string_too_short" if context["min_length"] == 1:
            return "must not be empty"
        case "string_too_short" | "string_too_long" if isinstance(value, str):
            limit = (
                f"at least {context['min_length']:,}"
                if "min_length" in context
                else f"at most {context['max_length']:,}"
            )
            return f"must have {limit} characters, not {len(value):,}"
        case "string_unicode":
            return "must be whole Unicode text; it holds half of a surrogate pair"
        case "multiple_of" if isinstance(value, int):
            return _steps(model, name, value, int(context["multiple_of"]), 0)
        case "stepped" if isinstance(value, int):
            return _steps(model, name, value, context["multiple_of"], context["offset"])
        case "literal_error":
            return _choice(model, name, value, str(context["expected"]))
        case _ if kind in _EXPECTED:
            return f"must be {_EXPECTED[kind]}, not {shown_value(value)}"
        case _ if kind in _ONE_SIDED:
            low, high = _bounds(model, name)
            one_sided = low is None or high is None
            allowed = _ONE_SIDED[kind].format(**context) if one_sided else f"must be from {low} to {high}"
            return f"{allowed}, not {shown_value(value)}"
        case _:
            return f"{detail['msg'][:1].lower()}{shorten(detail['msg'][1:], 200)}"


def _nearest_field(model: type[BaseModel], name: str) -> str | None:
    """The field that an unknown name probably means: a field contained in it (`noise_seed`), or one spelt similarly."""
    words = name.split("_")
    for field in model.model_fields:
        if field in words:
            return field
    near = difflib.get_close_matches(name, model.model_fields, n=1, cutoff=0.65)
    return near[0] if near else None


def _steps(model: type[BaseModel], name: str, value: int, multiple_of: int, offset: int) -> str:
    form = f"{multiple_of}·n + {offset}" if offset else f"a multiple of {multiple_of}"
    low, high = _bounds(model, name)
    if low is not None and high is not None and not low <= value <= high:
        # pydantic reports only the first violated constraint of a field; the message states all.
        return f"must be from {low} to {high}, {form}, not {shown_value(value)}"
    near = nearest_steps(value, multiple_of, offset, low, high) if abs(value) < LARGEST_SHOWN else ()
    if not near:
        return f"must be {form}, not {shown_value(value)}"
    nearest = " and ".join(str(step) for step in near)
    return f"must be {form}; the nearest to {value} {'are' if len(near) > 1 else 'is'} {nearest}"


def _bounds(model: type[BaseModel], name: str) -> tuple[int | None, int | None]:
    """The minimum and maximum of a field, if it has them."""
    low = high = None
    field = model.model_fields.get(name)
    for constraint in field.metadata if field is not None else ():
        low = getattr(constraint, "ge", low)
        high = getattr(constraint, "le", high)
    return low, high


def _choice(model: type[BaseModel], name: str, value: object, expected: str) -> str:
    field = model.model_fields.get(name)
    choices = [str(c) for c in get_args(field.annotation)] if field and get_origin(field.annotation) is Literal else []
    near = difflib.get_close_matches(shorten(value, 100), choices, n=1, cutoff=0.5) if isinstance(value, str) else []
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"must be one of {shorten(expected, 300)}, not {shown_value(value)}{hint}"
