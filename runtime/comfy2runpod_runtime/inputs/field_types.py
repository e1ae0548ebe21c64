"""Kinds of values that pydantic has no word for."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from comfy2runpod_runtime.inputs.limits import ImageLimits, VideoLimits


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


@dataclass(frozen=True, slots=True)
class ImageInput(ImageLimits):
    """Marks a text that is an image: base64, a data URL, or an https URL, within limits.

    The text and the image are checked when the job begins (`inputs.media_inputs`), because a URL must be fetched
    for it.
    """

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """JSON Schema has no word for a text that may be base64 or a URL: words of our own."""
        return {
            **handler(schema),
            "x-media": "image",
            "x-formats": list(self.formats),
            "x-max-bytes": self.max_bytes,
            "x-max-pixels": self.max_pixels,
            "x-max-aspect": self.max_aspect,
        }


@dataclass(frozen=True, slots=True)
class VideoInput(VideoLimits):
    """Marks a text that is a video: base64, a data URL, or an https URL, within limits.

    The text and the video are checked when the job begins, as those of an image are.
    """

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """JSON Schema has no word for a text that may be base64 or a URL: words of our own."""
        return {
            **handler(schema),
            "x-media": "video",
            "x-formats": list(self.formats),
            "x-max-bytes": self.max_bytes,
            "x-max-pixels": self.max_pixels,
            "x-max-frames": self.max_frames,
            "x-max-seconds": self.max_seconds,
        }


def nearest_steps(value: int, multiple_of: int, offset: int, low: int | None, high: int | None) -> tuple[int, ...]:
    """The allowed values next below and next above `value`, within the bounds."""
    below = value - (value - offset) % multiple_of
    return tuple(
        candidate
        for candidate in (below, below + multiple_of)
        if (low is None or candidate >= low) and (high is None or candidate <= high)
    )
