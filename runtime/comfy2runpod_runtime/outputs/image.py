"""An image, decoded whole, and encoded as the request says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Images
from PIL import UnidentifiedImageError

from comfy2runpod_contract.media import IMAGE_FORMATS, OTHER_TYPE, MediaKind, media_facts
from comfy2runpod_contract.messages import DEFAULT_QUALITY
from comfy2runpod_runtime.errors import OutputInvalid
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.metadata.kept import notes_of, saved_with
from comfy2runpod_runtime.outputs.base import FileOutput
from comfy2runpod_runtime.outputs.measures import ImageMeasures, Measures


@dataclass(frozen=True, slots=True)
class Image(FileOutput):
    """An image."""

    media_type: str = media_facts(MediaKind.IMAGE).media_type

    def decode(self, path: Path) -> ImageMeasures:
        """Decodes the whole image.

        Raises:
            OutputInvalid: it is no image, or not whole.
        """
        try:
            with Images.open(path) as image:
                image.load()
                media_type = Images.MIME.get(image.format or "", OTHER_TYPE)
                return ImageMeasures(image.width, image.height, media_type)
        except (UnidentifiedImageError, OSError, SyntaxError, Images.DecompressionBombError) as error:
            raise OutputInvalid(f"{path.name} is not a whole image ({type(error).__name__}).") from error

    def prepared(self, path: Path, options: RequestOptions) -> tuple[Path, Measures]:
        """The image as the request wants it encoded; ComfyUI's metadata goes along only if the worker keeps it."""
        if options.format is None:
            return FileOutput.prepared(self, path, options)
        measures = self.promised(self.decode(path))
        encoded = _encoded(path, options)
        return encoded, ImageMeasures(measures.width, measures.height, IMAGE_FORMATS[options.format].media_type)


def _encoded(path: Path, options: RequestOptions) -> Path:
    """An image as `png`, `jpeg` or `webp`, beside the file.

    JPEG has no alpha: what is transparent is laid over white.
    """
    kind = options.format or "png"
    target = path.with_suffix(f".as-{kind}")
    with Images.open(path) as image:
        # Read before anything else: ComfyUI writes the whole prompt into its images.
        notes = saved_with(notes_of(image), kind) if options.keep_metadata else {}
        pixels = image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB")
    if kind == "jpeg" and pixels.mode == "RGBA":
        white = Images.new("RGBA", pixels.size, "white")
        pixels = Images.alpha_composite(white, pixels).convert("RGB")
    # Pillow writes some of what the opened image told. Its colours stay.
    pixels.info = {name: value for name, value in pixels.info.items() if name == "icc_profile"}
    if kind == "png":
        pixels.save(target, "PNG", **notes)
    else:
        quality = DEFAULT_QUALITY if options.quality is None else options.quality
        pixels.save(target, kind.upper(), quality=quality, **notes)
    return target
