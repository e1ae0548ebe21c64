"""JSON values as texts: of a whole file, and of a beginning that a message shows."""

from __future__ import annotations

import json
from itertools import islice

from comfy2runpod_contract.json_types import Json
from comfy2runpod_contract.texts import visible


def json_document(value: Json) -> str:
    """A value as the text of a JSON file: exactly that value, and no control character raw, be it in a text or a key.

    Raises:
        ValueError: a number in it is not finite, which JSON has no word for.
    """
    return visible(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


# Of a value that is only shown: no line shows more of it.
_SHOWN_DEPTH, _SHOWN_ITEMS, _SHOWN_LENGTH = 90, 100, 200
_LONGEST_NUMBER = 10**320


def glimpse(value: Json) -> str:
    """The beginning of a value as JSON on one line, in bounded time whatever the value is."""
    return json.dumps(_beginning(value, _SHOWN_DEPTH), ensure_ascii=False)


def _beginning(value: Json, depth: int) -> Json:
    match value:
        case str():
            return value[:_SHOWN_LENGTH]
        case list() if depth:
            return [_beginning(item, depth - 1) for item in value[:_SHOWN_ITEMS]]
        case dict() if depth:
            keys = islice(value, _SHOWN_ITEMS)
            return {key[:_SHOWN_LENGTH]: _beginning(value[key], depth - 1) for key in keys}
        case list() | dict():
            return "…"
        case int() if abs(value) > _LONGEST_NUMBER:
            return "a number of very many digits"
    return value
