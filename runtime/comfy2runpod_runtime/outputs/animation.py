"""An image of several frames, each decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Images
from PIL import UnidentifiedImageError

from comfy2runpod_contract.media import OTHER_TYPE, MediaKind, media_facts
from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.outputs.base import FileOutput
from comfy2runpod_runtime.outputs.measures import MovingMeasures


@dataclass(frozen=True, slots=True)
class Animation(FileOutput):
    """An image of several frames."""

    media_type: str = media_facts(MediaKind.ANIMATION).media_type

    def decode(self, path: Path) -> MovingMeasures:
        """Decodes every frame of an animated image; duration is that of its frames together.

        Raises:
            OutputInvalid: it is no image, or not whole.
        """
        try:
            with Images.open(path) as image:
                frames = getattr(image, "n_frames", 1)
                milliseconds = 0.0
                for index in range(frames):
                    image.seek(index)
                    image.load()
                    milliseconds += image.info.get("duration", 0)
                media_type = Images.MIME.get(image.format or "", OTHER_TYPE)
                return MovingMeasures(image.width, image.height, frames, round(milliseconds / 1000, 2), media_type)
        except (UnidentifiedImageError, OSError, SyntaxError, EOFError, Images.DecompressionBombError) as error:
            raise OutputInvalid(f"{path.name} is not a whole animated image ({type(error).__name__}).") from error
