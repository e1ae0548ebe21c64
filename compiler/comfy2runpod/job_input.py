"""A job's input, given alone or as the request that carries it: one rule for all who take either."""

from __future__ import annotations

from comfy2runpod_contract.json_types import Json, JsonObject


def carries_input(value: Json) -> bool:
    """Whether it is a request, `{"input": {…}, …}`.

    No field takes an object, so a package with a field `input` is called either way.
    """
    return isinstance(value, dict) and isinstance(value.get("input"), dict)


def input_and_rest(value: Json) -> tuple[Json, JsonObject]:
    """A job's input, and what stands beside it in the request; nothing if it was given alone."""
    if not isinstance(value, dict) or not carries_input(value):
        return value, {}
    return value["input"], {key: other for key, other in value.items() if key != "input"}
