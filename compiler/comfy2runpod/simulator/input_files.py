"""The simulator's input folder: uploaded files, and what LoadImage and LoadVideo read from them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from PIL import Image, ImageOps, UnidentifiedImageError

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.folders import INPUT_FOLDER
from comfy2runpod.ir.prompt import Prompt, PromptNode
from comfy2runpod.server_check import Files
from comfy2runpod.shapes.values import Clip, Images, InputImage, NodeError, Sound
from comfy2runpod_contract.json_types import Json

_QUARTER_TURN = 90


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files in one folder and its subfolders."""

    folder: Path

    def names(self, folder: str) -> Iterator[str] | None:
        """The names that a prompt may use, for the verdict; of models and the like nothing is known."""
        if folder != INPUT_FOLDER:
            return None
        return (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())

    def names_with(self, prompt: Prompt, catalog: Catalog) -> Files:
        """The same, with the sounds and videos that a prompt names: one that is not here has a size that is guessed."""
        named = {
            value
            for node in prompt.values()
            for name, value in node.inputs.items()
            if isinstance(value, str) and reads_kind(node.class_type, name, catalog) not in (None, "image")
        }

        def names(folder: str) -> Iterator[str] | None:
            found = self.names(folder)
            return found if found is None else itertools.chain(found, named)

        return names

    def store(self, subfolder: str, name: str, content: bytes, *, overwrite: bool) -> str | None:
        """Stores a file as ComfyUI does; returns its name, or None if it would be outside the folder."""
        root = self.folder.resolve()
        path = (root / subfolder / name).resolve()
        if not path.is_relative_to(root):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        index = 1
        while not overwrite and path.exists() and path.read_bytes() != content:
            path = path.with_name(f"{Path(name).stem} ({index}){Path(name).suffix}")
            index += 1
        path.write_bytes(content)
        return path.name

    def read(self, kind: str, name: str) -> InputImage | Clip | None:
        """What a node makes of a file of a kind; None if nothing reads it, or it is a video that no field brought.

        Raises:
            NodeError: it is no such file.
        """
        if kind == "image":
            return self.image(name)
        return self.video(name) if kind == "video" and (self.folder / name).is_file() else None

    def image(self, name: str) -> InputImage:
        """What LoadImage makes of a file.

        Raises:
            NodeError: it is no image.
        """
        try:
            with Image.open(self.folder / name) as image:
                frames = int(getattr(image, "n_frames", 1))
                upright = ImageOps.exif_transpose(image)
                has_alpha = "A" in upright.getbands() or "transparency" in image.info
                return InputImage(upright.width, upright.height, frames, has_alpha)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise NodeError(f"PIL.{type(error).__name__}", "cannot identify image file") from error

    def video(self, name: str) -> Clip:
        """What LoadVideo makes of a file: its frames, counted while decoding, its average rate and its sound.

        Raises:
            NodeError: it is no video.
        """
        try:
            with av.open(self.folder / name) as container:
                stream = container.streams.video[0]
                sounds = container.streams.audio
                frames, samples, size = 0, 0, (0, 0)
                for frame in container.decode([stream, *sounds[-1:]]):
                    if isinstance(frame, av.AudioFrame):
                        samples += frame.samples
                    elif isinstance(frame, av.VideoFrame):
                        frames += 1
                        turned = round(frame.rotation / _QUARTER_TURN) % 2
                        size = (frame.height, frame.width) if turned else (frame.width, frame.height)
                rate = float(stream.average_rate or 1)
                sound = Sound(samples / sounds[-1].rate, sounds[-1].rate) if samples else None
        except (av.FFmpegError, OSError, ValueError, LookupError) as error:
            raise NodeError(f"{type(error).__module__}.{type(error).__name__}", "cannot read the video") from error
        return Clip(Images(*size, frames), rate, sound)

    def by_content(self, prompt: Prompt, catalog: Catalog) -> Prompt:
        """Returns the prompt with the contents of its files in place of their names, which differ from job to job."""
        return {
            node_id: PromptNode(
                node.class_type,
                {name: self._content(node.class_type, name, value, catalog) for name, value in node.inputs.items()},
                node.title,
            )
            for node_id, node in prompt.items()
        }

    def _content(self, class_type: str, name: str, value: Json, catalog: Catalog) -> Json:
        if not isinstance(value, str) or reads_kind(class_type, name, catalog) is None:
            return value
        path = self.folder / value
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else value


def reads_kind(class_type: str, name: str, catalog: Catalog) -> str | None:
    """Returns the kind of file in the input folder that an input names: `image`, `video`, …"""
    node_class = catalog.get(class_type)
    spec = None if node_class is None else node_class.by_name.get(name)
    return None if spec is None or INPUT_FOLDER not in spec.folders else spec.upload
