"""What an image field takes: known to the field, and to the process that decodes for it, which has no pydantic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """`max_bytes` of the file, `max_pixels` width by height, `max_aspect` the long side by the short one.

    `formats` are some of png, jpeg and webp.
    """

    max_bytes: int
    max_pixels: int
    max_aspect: float
    formats: tuple[str, ...]
