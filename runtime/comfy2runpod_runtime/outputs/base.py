"""The base classes of outputs: which files of a node belong to one, and how they are checked and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from comfy2runpod_runtime.comfyui.history import History, SavedFile
from comfy2runpod_runtime.errors import OutputInvalid, OutputMissing
from comfy2runpod_runtime.inputs.request_options import RequestOptions
from comfy2runpod_runtime.metadata.strip import stripped
from comfy2runpod_runtime.outputs.measures import Measures

Thing = TypeVar("Thing")
MeasuresT = TypeVar("MeasuresT", bound=Measures)


@dataclass(frozen=True, slots=True)
class Output(ABC):
    """A named output and the node that saves it. With `many`, it is a list of all files of the node."""

    # Whether it is a file, which can be uploaded, also before the job ends.
    is_file: ClassVar[bool]

    name: str
    node: str
    media_type: str
    many: bool = False

    @abstractmethod
    def is_saved(self, history: History) -> bool:
        """Returns whether the node saved anything for this output."""

    @abstractmethod
    def saved(self, history: History, title: str) -> tuple[SavedFile | str, ...]:
        """Returns what the node saved: files to download, or texts.

        Args:
            history: the finished prompt.
            title: the node's title, for messages.

        Raises:
            OutputMissing: the node saved nothing, or several items where one is expected.
        """

    @abstractmethod
    def prepared(self, path: Path, options: RequestOptions) -> tuple[Path, Measures]:
        """Measures a downloaded file, removes ComfyUI's metadata if it is not kept, and encodes it as requested.

        Returns:
            The file to return, and its measures.

        Raises:
            OutputInvalid: it is of another kind, corrupt, or not of the type that the endpoint promises.
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
    """The base class of outputs that are files. Subclasses define `decode`."""

    is_file: ClassVar[bool] = True

    @abstractmethod
    def decode(self, path: Path) -> Measures:
        """Decodes a file completely, and measures it.

        Raises:
            OutputInvalid: it is of another kind, or corrupt.
        """

    def measure(self, path: Path) -> Measures:
        """Decodes a file completely, measures it, and checks its media type.

        Raises:
            OutputInvalid: it is of another kind, corrupt, or not of the type that the endpoint promises.
        """
        return self.promised(self.decode(path))

    def promised(self, measures: MeasuresT) -> MeasuresT:
        """Returns the measures after checking the media type.

        Raises:
            OutputInvalid: the type is not the one that the endpoint promises.
        """
        if measures.media_type != self.media_type:
            raise OutputInvalid(f"The file for {self.name} is {measures.media_type}, not {self.media_type}.")
        return measures

    def is_saved(self, history: History) -> bool:
        """Returns whether the node saved a file."""
        return bool(history.files.get(self.node))

    def saved(self, history: History, title: str) -> tuple[SavedFile, ...]:
        """Returns the files that the node saved."""
        return self._one_or_many(history.files.get(self.node, ()), title, "file")

    def prepared(self, path: Path, options: RequestOptions) -> tuple[Path, Measures]:
        """Returns the file without ComfyUI's metadata, unless the worker keeps it, and its measures."""
        measures = self.measure(path)
        if options.keep_metadata:
            return path, measures
        clean = stripped(path, measures.media_type)
        return (path, measures) if clean == path else (clean, self.measure(clean))
