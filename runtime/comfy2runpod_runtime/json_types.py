"""What JSON holds, as a type."""

from __future__ import annotations

from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"


def json_type(value: object) -> str:
    """The JSON name of a value's type, as messages say it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a number"
        case str():
            return "a text"
        case list() | tuple():
            return "an array"
        case dict():
            return "an object"
    return type(value).__name__


def shorten(text: str, limit: int = 80) -> str:
    """The text on one line, cut to `limit` characters: an answer never carries a caller's megabyte back."""
    flat = " ".join(text[: limit * 4].split())
    cut = flat if len(flat) <= limit and len(text) <= limit * 4 else flat[: limit - 1] + "…"
    # Half a surrogate pair, which JSON may hold, cannot be sent as UTF-8: the SDK would lose the whole answer.
    return cut.encode("utf-8", "backslashreplace").decode("utf-8")
