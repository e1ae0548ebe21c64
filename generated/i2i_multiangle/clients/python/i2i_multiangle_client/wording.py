"""Texts and sizes in messages for callers, alike in the worker and in its clients."""

from __future__ import annotations

import math

# Relative: clients carry this module as it is.
from .json_types import json_words

_MEGABYTE = 10**6

# Of one refused request: how many faults its details name, and how many of them its message does.
MOST_FAULTS = 20
FAULTS_IN_MESSAGE = 5
# Integers from here on are not printed: formatting a million digits is slow.
LARGEST_SHOWN = 10**30


def shorten(text: str, limit: int = 80) -> str:
    """The text on one line, cut to `limit` characters: an answer never carries a caller's megabyte back."""
    flat = " ".join(text[: limit * 4].split())
    cut = flat if len(flat) <= limit and len(text) <= limit * 4 else flat[: limit - 1] + "…"
    # Half a surrogate pair, which JSON may hold, cannot be sent as UTF-8: the SDK would lose the whole answer.
    return cut.encode("utf-8", "backslashreplace").decode("utf-8")


def megabytes(count: int) -> str:
    """A number of bytes for people: `20 MB`, and exactly where that would round."""
    return f"{count // _MEGABYTE} MB" if count % _MEGABYTE == 0 else f"{count:,} bytes"


def shown_value(value: object) -> str:
    """A caller's value in a message: with its type, on one line."""
    match value:
        case bool():
            return f"the boolean {str(value).lower()}"
        case int():
            return str(value) if abs(value) < LARGEST_SHOWN else "a number of over 30 digits"
        case float():
            return f"the number {value}" if math.isfinite(value) else str(value)
        case str():
            return f"the text {shorten(value, 40)!r}"
        case _:
            return json_words(value)


def pixels_problem(width: int, height: int, max_pixels: int) -> str | None:
    """What is wrong with the number of pixels of an image or of a video's frame, None if it may have so many."""
    if width * height <= max_pixels:
        return None
    has, most = f"{width * height / 1e6:.1f}", f"{max_pixels / 1e6:g}"
    if float(has) <= float(most):
        has, most = f"{width * height / 1e6}", f"{max_pixels / 1e6}"
    return f"{width}x{height} has {has} megapixels; at most {most} are allowed"


def image_size_problem(width: int, height: int, max_pixels: int, max_aspect: float, longest_side: int) -> str | None:
    """What is wrong with the size of an image, None if it may have it; all in pixels, `max_aspect` as a ratio."""
    problem = pixels_problem(width, height, max_pixels)
    if problem is not None:
        return problem
    size = f"{width}x{height}"
    if max(width, height) > longest_side:
        return f"{size} is longer than {longest_side:,} pixels on a side"
    if max(width, height) > max_aspect * min(width, height):
        return f"{size} is too long and thin; a side may be {max_aspect:g} times as long as the other"
    return None
