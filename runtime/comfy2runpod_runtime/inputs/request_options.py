"""The reserved keys of a request, beside the package's own fields: which outputs to return, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from comfy2runpod_contract.media import ImageFormat
from comfy2runpod_contract.messages import DELIVERY, FORMAT, HIGHEST_QUALITY, LOWEST_QUALITY, QUALITY, Delivery
from comfy2runpod_runtime.errors import FieldFault, InvalidInput


class OutputOptions(BaseModel):
    """The request's `output` object. What it omits is decided by the endpoint's settings."""

    # Not strict as a whole: a strict model rejects a plain JSON object and accepts only an instance of itself.
    model_config = ConfigDict(extra="forbid", frozen=True)

    delivery: Annotated[Delivery | None, Field(title=DELIVERY.title, description=DELIVERY.description)] = None


class ImageOptions(OutputOptions):
    """The `output` object of an endpoint with images: also how they are encoded."""

    format: Annotated[ImageFormat | None, Field(title=FORMAT.title, description=FORMAT.description)] = None
    quality: Annotated[
        int | None,
        Field(strict=True, ge=LOWEST_QUALITY, le=HIGHEST_QUALITY, title=QUALITY.title, description=QUALITY.description),
    ] = None


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """The options of one request, with the endpoint's defaults filled in.

    Attributes:
        outputs: names of the requested outputs; all of the package's if the request names none.
        allow_partial: whether to return the outputs that succeeded if others fail.
        timings: whether the answer includes the duration of each step.
        format: the image format to encode to; None keeps the saved file's.
        quality: JPEG and WebP quality, 1 to 100.
        delivery: how files are returned, if the request says.
        keep_metadata: whether files keep what ComfyUI writes into them of itself; the endpoint decides.
    """

    outputs: tuple[str, ...]
    allow_partial: bool
    timings: bool
    format: ImageFormat | None
    quality: int | None
    delivery: Delivery | None
    keep_metadata: bool


def resolve_options(
    request: BaseModel, outputs: Sequence[str], defaults: ImageOptions, *, keep_metadata: bool = False
) -> RequestOptions:
    """Reads the reserved keys of a request.

    Args:
        request: the validated request.
        outputs: names of all outputs of the package.
        defaults: the endpoint's settings for what the request omits.
        keep_metadata: whether the endpoint keeps ComfyUI's metadata.

    Raises:
        InvalidInput: the request names an output twice.
    """
    names = getattr(request, "outputs", None) or tuple(outputs)
    duplicates = sorted({name for name in names if list(names).count(name) > 1})
    if duplicates:
        message = f"names {', '.join(duplicates)} twice"
        raise InvalidInput(f"The input was refused. outputs: {message}.", [FieldFault("outputs", message)])
    options = getattr(request, "output", None) or OutputOptions()
    return RequestOptions(
        outputs=tuple(name for name in outputs if name in names),
        allow_partial=bool(getattr(request, "allow_partial", False)),
        timings=bool(getattr(request, "timings", False)),
        format=getattr(options, "format", None) or defaults.format,
        quality=getattr(options, "quality", None) or defaults.quality,
        delivery=options.delivery,
        keep_metadata=keep_metadata,
    )
