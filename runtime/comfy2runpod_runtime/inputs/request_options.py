"""The keys that a package's input takes beside its own fields: how results come, and which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from comfy2runpod_runtime.errors import FieldFault, InvalidInput

ImageFormat = Literal["png", "jpeg", "webp"]
Delivery = Literal["inline", "url"]


class OutputOptions(BaseModel):
    """How the files of an answer are given back. What is omitted is the endpoint's own choice."""

    # Not strict as a whole: a strict model would take no object of a job's JSON, only an instance of itself.
    model_config = ConfigDict(extra="forbid", frozen=True)

    delivery: Annotated[Delivery | None, Field(title="Delivery")] = None


class ImageOptions(OutputOptions):
    """How they are given back, and how images are encoded."""

    format: Annotated[ImageFormat | None, Field(title="Format")] = None
    quality: Annotated[int | None, Field(strict=True, ge=1, le=100, title="Quality")] = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of its answer; `outputs` are the names of those that it wants, all if it names none."""

    outputs: tuple[str, ...]
    allow_partial: bool
    timings: bool
    format: ImageFormat | None
    quality: int | None
    delivery: Delivery | None


def wanted_of(request: BaseModel, outputs: Sequence[str], fallback: ImageOptions) -> Wanted:
    """The reserved keys of a request, for a package with these outputs; `fallback` is the endpoint's own choice.

    Raises:
        InvalidInput: an output is named twice.
    """
    names = getattr(request, "outputs", None) or tuple(outputs)
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        message = f"names {', '.join(twice)} twice"
        raise InvalidInput(f"The input was refused. outputs: {message}.", [FieldFault("outputs", message)])
    options = getattr(request, "output", None) or OutputOptions()
    return Wanted(
        outputs=tuple(name for name in outputs if name in names),
        allow_partial=bool(getattr(request, "allow_partial", False)),
        timings=bool(getattr(request, "timings", False)),
        format=getattr(options, "format", None) or fallback.format,
        quality=getattr(options, "quality", None) or fallback.quality,
        delivery=options.delivery,
    )
