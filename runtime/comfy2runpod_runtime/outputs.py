"""What an endpoint gives back: each named output, the node that saves it, and how its file becomes an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from comfy2runpod_runtime.comfyui.client import SavedFile
from comfy2runpod_runtime.errors import OutputInvalid, OutputMissing, OutputTooLarge
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
        """Decodes a file whole, and measures it.

        Raises:
            OutputInvalid: it is not of this kind, not whole, or not of the type that the endpoint promises.
        """
        measures = self._decode(path)
        if measures.media_type != self.media_type:
            raise OutputInvalid(f"The file for {self.name} is {measures.media_type}, not {self.media_type}.")
        return measures

    def _decode(self, path: Path) -> Measures:
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

    def _decode(self, path: Path) -> Measures:
        return measure_video(path)


@dataclass(frozen=True, slots=True)
class Image(Output):
    """A picture."""

    media_type: str = "image/png"

    def _decode(self, path: Path) -> Measures:
        return measure_image(path)


@dataclass(frozen=True, slots=True)
class Audio(Output):
    """A sound."""

    media_type: str = "audio/flac"

    def _decode(self, path: Path) -> Measures:
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
            f"The result has {size:,} bytes; the answer can carry {limit:,}. Ask for a smaller size or fewer frames, "
            "or raise MAX_INLINE_BYTES of the endpoint if it is called with /runsync, which carries 20 MB."
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
