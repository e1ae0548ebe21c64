"""What JSON holds: as a Python type, and what the types of its values are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

# Clients carry this module as it is.
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"

# In messages for callers, who may not know JSON Schema's names.
JSON_WORDS = {
    "null": "null",
    "boolean": "a boolean",
    "integer": "an integer",
    "number": "a number",
    "string": "a text",
    "array": "an array",
    "object": "an object",
}


def json_type(value: object) -> str:
    """JSON Schema's name of a value's type; Python's of a value that JSON cannot hold."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
        case Mapping():
            return "object"
        case _:
            return type(value).__name__


def json_words(value: object) -> str:
    """A value's type in a message for a caller: `an integer`."""
    name = json_type(value)
    return JSON_WORDS.get(name, name)
