"""Parts of a JSON value as what they must be: an object, an array, or a fault that says what stands there instead."""

from __future__ import annotations

from comfy2runpod_contract.json_types import Json, JsonObject, json_type


def object_of(what: str, value: Json) -> JsonObject:
    """The value as an object; `what` names it in messages.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {json_type(value)}; expected an object")  # noqa: TRY004 - a fault of the file
    return value


def array_of(what: str, value: Json) -> list[Json]:
    """The value as an array, empty for null; `what` names it in messages.

    Raises:
        ValueError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{what} is {json_type(value)}; expected an array")  # noqa: TRY004 - a fault of the file
    return value


def objects_of(what: str, value: Json) -> list[JsonObject]:
    """The value as an array of objects, empty for null; `what` names it in messages.

    Raises:
        ValueError: it is something else, or one of them is.
    """
    return [object_of(f"an entry of {what}", item) for item in array_of(what, value)]


def texts_of(what: str, value: Json) -> tuple[str, ...]:
    """The value as texts, none for null; `what` names it in messages.

    Raises:
        ValueError: it is no array of texts.
    """
    texts = []
    for item in array_of(what, value):
        if not isinstance(item, str):
            raise ValueError(f"an entry of {what} is {json_type(item)}; expected a text")  # noqa: TRY004 - as above
        texts.append(item)
    return tuple(texts)
