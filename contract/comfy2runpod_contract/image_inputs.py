"""How large an image of an input may be, beside what holds of every file (`limits.py`)."""

from __future__ import annotations

# What a note that says nothing means (a photograph of a telephone, with room), and the most that it may say: ComfyUI
# holds an image as 12 or 16 bytes a pixel, which is 1.6 GB.
DEFAULT_IMAGE_BYTES = 20_000_000
DEFAULT_IMAGE_PIXELS = 32_000_000
MOST_IMAGE_PIXELS = 100_000_000
