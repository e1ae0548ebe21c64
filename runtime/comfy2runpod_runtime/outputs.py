"""What an endpoint gives back: each named output, the node that saves it, and how its file becomes an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod_runtime.comfyui.client import SavedFile
from comfy2runpod_runtime.errors import OutputMissing, OutputTooLarge
from comfy2runpod_runtime.json_types import JsonObject
from comfy2runpod_runtime.media import Measures, encoded, measure_audio, measure_image, measure_video


@dataclass(frozen=True, slots=True)
class Output:
    """A named output and the node that saves it. `many`: every file of the node, as a list."""

    name: str
    node: str
    media_type: str
    many: bool = False

    def measure(self, path: Path) -> Measures:
        """Decodes a file of this kind whole, and measures it.

        Raises:
            OutputInvalid: it is not of this kind, or not whole.
        """
        raise NotImplementedError

    def wanted(self, files: Mapping[str, tuple[SavedFile, ...]], title: str) -> tuple[SavedFile, ...]:
        """The files that this output is made of.

        Raises:
            OutputMissing: the node saved none, or more than one where one is expected.
        """
        saved = files.get(self.node, ())
        if not saved:
            raise OutputMissing(f"The job ended, but {title} (node {self.node}) saved nothing for {self.name}.")
        if len(saved) > 1 and not self.many:
            raise OutputMissing(
                f"{title} (node {self.node}) saved {len(saved)} files for {self.name}; one is expected."
            )
        return saved


@dataclass(frozen=True, slots=True)
class Video(Output):
    """A video, with sound or without."""

    media_type: str = "video/mp4"

    def measure(self, path: Path) -> Measures:
        """Decodes every frame and sample."""
        return measure_video(path)


@dataclass(frozen=True, slots=True)
class Image(Output):
    """A picture."""

    media_type: str = "image/png"

    def measure(self, path: Path) -> Measures:
        """Decodes the picture."""
        return measure_image(path)


@dataclass(frozen=True, slots=True)
class Audio(Output):
    """A sound."""

    media_type: str = "audio/flac"

    def measure(self, path: Path) -> Measures:
        """Decodes every sample."""
        return measure_audio(path)


@dataclass(frozen=True, slots=True)
class Collected:
    """A downloaded and measured file of an output."""

    output: Output
    path: Path
    size: int
    measures: Measures


def answer_of(outputs: tuple[Output, ...], collected: tuple[Collected, ...], limit: int) -> JsonObject:
    """The media part of an answer: flat for a single file, an object (or a list of them) for each output otherwise.

    Raises:
        OutputTooLarge: the files together are larger than the answer may carry; known before anything is encoded.
    """
    size = sum(item.size for item in collected)
    if size > limit:
        raise OutputTooLarge(
            f"The result has {size:,} bytes; {limit:,} can be answered inline. Ask for a smaller size or fewer frames."
        )
    if len(outputs) == 1 and not outputs[0].many:
        (item,) = collected
        return {item.output.name: encoded(item.path), **item.measures.to_json()}
    answer: JsonObject = {}
    for output in outputs:
        objects: list[JsonObject] = [
            {"data": encoded(item.path), "media_type": output.media_type, **item.measures.to_json()}
            for item in collected
            if item.output is output
        ]
        answer[output.name] = [*objects] if output.many else objects[0]
    return answer
