"""The example of an image is taken by the narrowest field that a note can make."""

from __future__ import annotations

from base64 import b64decode

import pytest

from comfy2runpod.fields import ImageField
from comfy2runpod_contract.limits import LEAST_INPUT_BYTES, LEAST_INPUT_PIXELS
from comfy2runpod_contract.media import IMAGE_FORMATS
from tests.markers import written_anew


@pytest.mark.parametrize("name", IMAGE_FORMATS)
def test_the_example_of_an_image_is_accepted_by_the_narrowest_field(name: str) -> None:
    field = ImageField(
        name="image", title="Image", description="", required=True, targets=(),
        max_bytes=LEAST_INPUT_BYTES, max_pixels=LEAST_INPUT_PIXELS, max_aspect=1, formats=(name,),
    )  # fmt: skip
    assert written_anew(field, b64decode(str(field.example()))).startswith(b"\x89PNG")
