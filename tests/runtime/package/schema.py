"""A small package as comfy2runpod generates them, for the runtime's own tests: its schema."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from comfy2runpod_runtime import OutputOptions, Stepped, inline_or_url


class Input(BaseModel):
    """A job's input: one field of every kind."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    prompt: Annotated[str, Field(min_length=1, max_length=4000)]
    negative_prompt: Annotated[str, Field(max_length=4000)] = "blurry"
    width: Annotated[int, Field(ge=64, le=1920, multiple_of=2)] = 64
    height: Annotated[int, Field(ge=64, le=1920, multiple_of=2)] = 64
    frame_count: Annotated[int, Field(ge=9, le=257), Stepped(multiple_of=8, offset=1)] = 9
    cfg: Annotated[float, Field(ge=1.0, le=30.0)] = 4.0
    style: Literal["plain", "ink", "oil paint"] = "plain"
    hd: bool = False
    seed: Annotated[int | None, Field(ge=0, le=18446744073709551615)] = None
    output: Annotated[OutputOptions | None, Field(strict=False)] = None


class Output(BaseModel):
    """A finished job's output."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    video: str | None = None
    url: str | None = None
    expires_at: str | None = None
    media_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    frame_count: int
    duration_seconds: float
    seed: int
    prompt_id: str

    @model_validator(mode="after")
    def _in_one_form(self) -> Self:
        return inline_or_url(self, "video")
