"""What every kind of output is to the worker: what a node saved for it, whether that is whole, and what it measures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from comfy2runpod_runtime.comfyui.history import History, SavedFile
from comfy2runpod_runtime.errors import OutputInvalid, OutputMissing
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.outputs.measures import Measures
from comfy2runpod_runtime.outputs.strip_metadata import stripped

Thing = TypeVar("Thing")
MeasuresT = TypeVar("MeasuresT", bound=Measures)


@dataclass(frozen=True, slots=True)
class Output(ABC):
    """A named output and the node that saves it. `many`: everything that the node saves, as a list."""

    # Whether it is a file, which may be given by URL, and before the job ends.
    is_file: ClassVar[bool]

    name: str
    node: str
    media_type: str
    many: bool = False

    @abstractmethod
    def is_saved(self, history: History) -> bool:
        """Whether a prompt that has ended left anything for this output."""

    @abstractmethod
    def saved(self, history: History, title: str) -> tuple[SavedFile | str, ...]:
        """What this output is made of: files that are to be downloaded, or texts.

        Raises:
            OutputMissing: the node saved nothing, or more than one where one is expected.
        """

    @abstractmethod
    def prepared(self, path: Path, options: RequestOptions) -> tuple[Path, Measures]:
        """A downloaded file as it is given back, without ComfyUI's metadata, and what was measured on it.

        Raises:
            OutputInvalid: it is not of this kind, not whole, or not of the type that the endpoint promises.
        """

    def _one_or_many(self, saved: tuple[Thing, ...], title: str, what: str) -> tuple[Thing, ...]:
        if not saved:
            raise OutputMissing(f"The job ended, but {title} (node {self.node}) saved nothing for {self.name}.")
        if len(saved) > 1 and not self.many:
            raise OutputMissing(
                f"{title} (node {self.node}) saved {len(saved)} {what}s for {self.name}; one is expected."
            )
        return saved


@dataclass(frozen=True, slots=True)
class FileOutput(Output):
    """What every output has that is a file; a kind says how one is measured."""

    is_file: ClassVar[bool] = True

    @abstractmethod
    def decode(self, path: Path) -> Measures:
        """Decodes a file whole, and measures it.

        Raises:
            OutputInvalid: it is not of this kind, or not whole.
        """

    def measure(self, path: Path) -> Measures:
        """Decodes a file whole, and measures it.

        Raises:
            OutputInvalid: it is not of this kind, not whole, or not of the type that the endpoint promises.
        """
        return self.promised(self.decode(path))

    def promised(self, measures: MeasuresT) -> MeasuresT:
        """What was measured, if the file is of the type that the endpoint promises.

        Raises:
            OutputInvalid: it is of another.
        """
        if measures.media_type != self.media_type:
            raise OutputInvalid(f"The file for {self.name} is {measures.media_type}, not {self.media_type}.")
        return measures

    def is_saved(self, history: History) -> bool:
        """Whether the node saved a file."""
        return bool(history.files.get(self.node))

    def saved(self, history: History, title: str) -> tuple[SavedFile, ...]:
        """The files that the node saved."""
        return self._one_or_many(history.files.get(self.node, ()), title, "file")

    def prepared(self, path: Path, options: RequestOptions) -> tuple[Path, Measures]:
        """The file as it was saved, but for ComfyUI's metadata."""
        del options
        measures = self.measure(path)
        clean = stripped(path, measures.media_type)
        return (path, measures) if clean == path else (clean, self.measure(clean))
