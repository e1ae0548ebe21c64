"""What an endpoint gives back: each named output, the node that saves it, and how its file becomes an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

from comfy2runpod_runtime.comfyui.client import History, SavedFile
from comfy2runpod_runtime.errors import JobError, OutputInvalid, OutputMissing
from comfy2runpod_runtime.json_types import Json, JsonObject
from comfy2runpod_runtime.outputs.documents import measure_drawing, measure_model3d
from comfy2runpod_runtime.outputs.media import (
    Measures,
    encoded,
    measure_animation,
    measure_audio,
    measure_image,
    measure_video,
)

Thing = TypeVar("Thing")


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

    def is_saved(self, history: History) -> bool:
        """Whether a prompt that has ended left anything for this output."""
        return bool(history.files.get(self.node))

    def wanted(self, history: History, title: str) -> tuple[SavedFile, ...]:
        """The files that this output is made of.

        Raises:
            OutputMissing: the node saved none, or more than one where one is expected.
        """
        return self._one_or_many(history.files.get(self.node, ()), title, "file")

    def _one_or_many(self, saved: tuple[Thing, ...], title: str, what: str) -> tuple[Thing, ...]:
        if not saved:
            raise OutputMissing(f"The job ended, but {title} (node {self.node}) saved nothing for {self.name}.")
        if len(saved) > 1 and not self.many:
            raise OutputMissing(
                f"{title} (node {self.node}) saved {len(saved)} {what}s for {self.name}; one is expected."
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
    """An image."""

    media_type: str = "image/png"

    def _decode(self, path: Path) -> Measures:
        return measure_image(path)


@dataclass(frozen=True, slots=True)
class Animation(Output):
    """An image of several frames."""

    media_type: str = "image/webp"

    def _decode(self, path: Path) -> Measures:
        return measure_animation(path)


@dataclass(frozen=True, slots=True)
class Audio(Output):
    """A sound."""

    media_type: str = "audio/flac"

    def _decode(self, path: Path) -> Measures:
        return measure_audio(path)


@dataclass(frozen=True, slots=True)
class Model3D(Output):
    """A 3D model."""

    media_type: str = "model/gltf-binary"

    def _decode(self, path: Path) -> Measures:
        return measure_model3d(path)


@dataclass(frozen=True, slots=True)
class Drawing(Output):
    """A drawing made of lines."""

    media_type: str = "image/svg+xml"

    def _decode(self, path: Path) -> Measures:
        return measure_drawing(path)


@dataclass(frozen=True, slots=True)
class Text(Output):
    """A text that a node shows; no file."""

    media_type: str = "text/plain"

    def is_saved(self, history: History) -> bool:
        """Whether the node showed a text."""
        return bool(history.texts.get(self.node))

    def texts(self, history: History, title: str) -> tuple[str, ...]:
        """The texts that the node showed.

        Raises:
            OutputMissing: none, or more than one where one is expected.
        """
        return self._one_or_many(history.texts.get(self.node, ()), title, "text")


@dataclass(frozen=True, slots=True)
class Part:
    """A result as it stands in an answer; a flat one calls `data` or `text` by the output's name."""

    output: Output
    fields: JsonObject


@dataclass(frozen=True, slots=True)
class Collected:
    """A downloaded and measured file of an output, as it will be sent; `size` in bytes, `file_name` for storage."""

    output: Output
    path: Path
    file_name: str
    size: int
    sha256: str
    measures: Measures

    def inline(self) -> Part:
        """The file itself, and what is known of it."""
        return Part(self.output, {"data": encoded(self.path), **self._facts()})

    def elsewhere(self, where: JsonObject) -> Part:
        """Where the file is, and what is known of it."""
        return Part(self.output, {**where, **self._facts()})

    def _facts(self) -> JsonObject:
        return {
            "media_type": self.measures.media_type,
            "bytes": self.size,
            "sha256": self.sha256,
            **self.measures.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Shown:
    """A text of an output."""

    output: Output
    text: str

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode())

    def inline(self) -> Part:
        """The text."""
        return Part(self.output, {"text": self.text})


Result: TypeAlias = Collected | Shown


def is_flat(outputs: Sequence[Output]) -> bool:
    """Whether an answer holds its only output's fields side by side."""
    return len(outputs) == 1 and not outputs[0].many


def answer_of(declared: Sequence[Output], parts: Sequence[Part], failed: Mapping[str, JobError]) -> JsonObject:
    """The media part of an answer: flat for a single file, else an object (or a list of them) for each output made.

    Args:
        declared: all outputs of the endpoint, in its order.
        parts: what was made of those that were wanted.
        failed: why others were not, where the caller takes what there is.
    """
    if is_flat(declared):
        (part,) = parts
        return {part.output.name if key in ("data", "text") else key: value for key, value in part.fields.items()}
    answer: JsonObject = {}
    for output in declared:
        objects: list[Json] = [part.fields for part in parts if part.output is output]
        if objects:
            answer[output.name] = objects if output.many else objects[0]
    if failed:
        answer["failed"] = [
            {"output": name, "code": error.code, "message": error.message} for name, error in failed.items()
        ]
    return answer
