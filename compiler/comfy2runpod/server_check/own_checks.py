"""Classes of ComfyUI 0.21.0 that check inputs in their own way: the server leaves their bounds and choices alone.

Rows, so that a node pack's classes are further rows. A check is handed the node's constants; a linked input is null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from comfy2runpod.ir.json import Json
from comfy2runpod.server_check.faults import CheckRaised
from comfy2runpod.server_check.inputs import Present

Given: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class OwnCheck:
    """A class's own check.

    `needs` are the inputs that it is handed, `takes_all` that it is handed every input, `takes_types` that it judges
    the types of links itself. `check` answers None or what is wrong.
    """

    function: str
    check: Callable[[Given, Present], str | None]
    needs: tuple[str, ...] = ()
    takes_all: bool = False
    takes_types: bool = False

    def claims(self, name: str) -> bool:
        """Whether the server leaves an input's bounds and choices to this check."""
        return self.takes_all or name in self.needs

    def run(self, given: Given, present: Present) -> str | None:
        """What is wrong, or None.

        Raises:
            CheckRaised: an input that it needs is not there, or is not what it expects.
        """
        missing = [name for name in self.needs if name not in given]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            wanted = f"{len(missing)} required positional argument{plural}: {_listed(missing)}"
            raise CheckRaised("TypeError", f"{self.function}() missing {wanted}", *missing)
        return self.check(given, present)


def _listed(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    if len(quoted) < 3:  # noqa: PLR2004 - Python joins two names without a comma
        return " and ".join(quoted)
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def _file_of(name: str, what: str) -> Callable[[Given, Present], str | None]:
    def check(given: Given, present: Present) -> str | None:
        value = given[name]
        if not isinstance(value, str):
            raise CheckRaised("AttributeError", f"{type(value).__name__!r} object has no attribute 'endswith'", name)
        return None if present.annotated(value) else f"Invalid {what} file: {value}"

    return check


def _anything(_given: Given, _present: Present) -> str | None:
    return None


_CAMERA = ("horizontal_movement", "vertical_movement", "pan", "tilt", "roll", "zoom")


def _camera(given: Given, _present: Present) -> str | None:
    for name in _CAMERA:
        value = given[name]
        if not isinstance(value, (int, float)):
            raise CheckRaised("TypeError", f"must be real number, not {type(value).__name__}", name)
        if not math.isclose(value, 0.0):
            return None
    return "Invalid camera control configs: at least one of the values must be non-zero"


def _aspect_ratio(given: Given, _present: Present) -> str | None:
    name = "aspect_ratio"
    text = given[name]
    if not isinstance(text, str):
        raise CheckRaised("AttributeError", f"{type(text).__name__!r} object has no attribute 'split'", name)
    parts = text.split(":")
    if len(parts) != 2:  # noqa: PLR2004 - width and height
        raise CheckRaised("ValueError", f"Aspect ratio must be 'X:Y' (e.g., 16:9), got '{text}'.", name)
    try:
        width, height = (int(part.strip()) for part in parts)
    except ValueError:
        message = f"Aspect ratio must contain integers separated by ':', got '{text}'."
        raise CheckRaised("ValueError", message, name) from None
    if width <= 0 or height <= 0:
        raise CheckRaised("ValueError", f"Aspect ratio parts must be positive integers, got {width}:{height}.", name)
    ratio, least, most = width / height, 0.25, 4.0
    if ratio < least or ratio > most:
        bound = least if ratio < least else most
        raise CheckRaised("ValueError", f"Aspect ratio `{ratio:.2g}` must be ≤ {bound:.2g}.", name)
    return None


def _tripo_model(given: Given, _present: Present) -> str | None:
    types = cast("dict[str, Json]", given["input_types"])
    if "original_model_task_id" not in types:
        raise CheckRaised("KeyError", "'original_model_task_id'", "original_model_task_id")
    if types["original_model_task_id"] in ("MODEL_TASK_ID", "RIG_TASK_ID", "RETARGET_TASK_ID"):
        return None
    return "original_model_task_id must be MODEL_TASK_ID, RIG_TASK_ID or RETARGET_TASK_ID type"


_IMAGE = OwnCheck("LoadImage.VALIDATE_INPUTS", _file_of("image", "image"), needs=("image",))

OWN_CHECKS: Mapping[str, OwnCheck] = {
    "LoadImage": _IMAGE,
    "LoadImageMask": _IMAGE,
    "LoadImageOutput": _IMAGE,
    "WebcamCapture": _IMAGE,
    "LoadLatent": OwnCheck("LoadLatent.VALIDATE_INPUTS", _file_of("latent", "latent"), needs=("latent",)),
    "LoadVideo": OwnCheck("LoadVideo.validate_inputs", _file_of("file", "video"), needs=("file",)),
    "LoadAudio": OwnCheck("LoadAudio.validate_inputs", _file_of("audio", "audio"), needs=("audio",)),
    "CustomCombo": OwnCheck("CustomComboNode.validate_inputs", _anything, needs=("choice",), takes_all=True),
    "KlingCameraControls": OwnCheck("KlingCameraControls.validate_inputs", _camera, needs=_CAMERA),
    "FluxProUltraImageNode": OwnCheck("FluxProUltraImageNode.validate_inputs", _aspect_ratio, needs=("aspect_ratio",)),
    "TripoConversionNode": OwnCheck("TripoConversionNode.validate_inputs", _tripo_model, takes_types=True),
}
