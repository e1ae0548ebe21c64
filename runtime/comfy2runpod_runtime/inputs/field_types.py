"""Kinds of values that pydantic has no word for."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True, slots=True)
class Stepped:
    """A whole number of the form `multiple_of · n + offset`, such as a frame count of 8·n+1."""

    multiple_of: int
    offset: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Checks the form after the number's type and bounds."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """JSON Schema has no word for an offset: the bounds alone."""
        return handler(schema)

    def _check(self, value: int) -> int:
        if (value - self.offset) % self.multiple_of:
            # The nearest allowed values are said where the field's bounds are known: in `validate`.
            raise PydanticCustomError(
                "stepped",
                "must be {multiple_of}·n + {offset}",
                {"multiple_of": self.multiple_of, "offset": self.offset},
            )
        return value


def nearest_steps(value: int, multiple_of: int, offset: int, low: int | None, high: int | None) -> tuple[int, ...]:
    """The allowed values next below and next above `value`, within the bounds."""
    below = value - (value - offset) % multiple_of
    return tuple(
        candidate
        for candidate in (below, below + multiple_of)
        if (low is None or candidate >= low) and (high is None or candidate <= high)
    )
