"""What converts well and does otherwise on a worker than on the author's machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, Severity, shorten, show
from comfy2runpod.ir.json import Json

_MOST_FIELDS = 4


@dataclass(frozen=True, kw_only=True)
class WindowsSeparator(Diagnostic):
    r"""A file's name with `\`, as ComfyUI on Windows writes it."""

    code: ClassVar[str] = "windows-separator"
    value: str

    @property
    def reason(self) -> str:
        """Why no worker takes it."""
        return (
            f"{show(self.value)} is written with Windows' separator. Workers run on Linux, whose ComfyUI lists the "
            f"file as {show(self._plain)} and refuses every other name."
        )

    @property
    def remedy(self) -> str:
        """The name to write, and how."""
        return (
            f"Write {shorten(self._plain)}: choose it in a ComfyUI that runs on Linux and save, or put / in place of "
            "each \\\\ in the graph's file, in the node's value and wherever else the name stands."
        )

    @property
    def _plain(self) -> str:
        return self.value.replace("\\", "/")


@dataclass(frozen=True, kw_only=True)
class FileOfTheAuthors(Diagnostic):
    """A file that ComfyUI itself has made on the author's machine, in a folder that no field can feed."""

    code: ClassVar[str] = "file-of-the-authors"
    value: str

    @property
    def reason(self) -> str:
        """Where the file is."""
        return f"It reads {show(self.value)}, a file that ComfyUI has made on your machine: no worker has it."

    @property
    def remedy(self) -> str:
        """Let the caller send it."""
        return "Load it with Load Image instead, which becomes a field that callers send an image for, or take it out."


@dataclass(frozen=True, kw_only=True)
class ValueStaysAsSaved(Diagnostic):
    """A value that the editor changes after each run, and that no field feeds."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "value-stays-as-saved"
    value: Json
    control: str

    @property
    def reason(self) -> str:
        """What the editor does, and what calls get."""
        return (
            f"In the editor its control says {self.control}: each run has another value. No field feeds it, so that "
            f"every call runs with {show(self.value)}, and equal calls get equal answers."
        )

    @property
    def remedy(self) -> str:
        """Make it a field, or mean it."""
        return (
            f"Say `inputs: {{seed: {{from: {self.at.node}.{self.at.input}}}}}` in the note, or set the control to "
            "fixed if that is meant."
        )


@dataclass(frozen=True, kw_only=True)
class MaskFromTransparency(Diagnostic):
    """The mask of a caller's image: what is transparent in it."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "mask-from-transparency"
    field: str
    painted: bool

    @property
    def reason(self) -> str:
        """Where the mask comes from, and what an image without one gives."""
        text = (
            "Its mask is used. Of a caller's image that is what is transparent in it: an image without "
            "transparency, as every JPEG, gives an empty mask."
        )
        return text + " The mask that was painted in the editor stays on your machine." * self.painted

    @property
    def remedy(self) -> str:
        """Tell callers, or load it apart."""
        return (
            f"Tell callers so in the field's description, `inputs: {{{self.field}: {{description: …}}}}`, or load the "
            "mask with a node of its own, Load Image (as Mask) by a colour, which becomes a field."
        )


@dataclass(frozen=True, kw_only=True)
class EmbeddingNotInPackage(Diagnostic):
    """A text that names an embedding, a file that the package knows nothing of."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "embedding-not-in-package"
    names: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The files, and what ComfyUI does without."""
        shown = ", ".join(shorten(name) for name in self.names)
        return (
            f"The text names {'an embedding' if len(self.names) == 1 else 'embeddings'} ({shown}). The worker does not "
            "download it, and ComfyUI leaves out what it does not find, with no more than a line in its log."
        )

    @property
    def remedy(self) -> str:
        """Bring it, or leave it out."""
        return "Put the file into models/embeddings of the network volume, or take the words out of the text."


@dataclass(frozen=True, kw_only=True)
class ImageLacks(Diagnostic):
    """A node that needs what the worker's image does not have."""

    code: ClassVar[str] = "image-lacks"
    what: str
    instead: str

    @property
    def reason(self) -> str:
        """What is missing."""
        return f"It needs {self.what}, which the worker's image does not have: every job would fail there."

    @property
    def remedy(self) -> str:
        """What to do."""
        return self.instead


@dataclass(frozen=True, kw_only=True)
class SeveralImages(Diagnostic):
    """An output that stands for one image, of a node that saves several."""

    code: ClassVar[str] = "several-images"
    output: str
    # None for those of a list.
    count: int | None
    # Of the fields that make so many, the values that do.
    values: tuple[tuple[str, int], ...]

    @property
    def reason(self) -> str:
        """How many there are, and what makes them."""
        told = " and ".join(f"{name} is {value}" for name, value in self.values[:_MOST_FIELDS])
        more = f" and {len(self.values) - _MOST_FIELDS} more so" if len(self.values) > _MOST_FIELDS else ""
        when = f", where {told}{more}" if told else ""
        saved = "the images of a list, one by one" if self.count is None else f"{self.count} images"
        return f"It saves {saved}{when}; the output {self.output} stands for one, and the job would fail."

    @property
    def remedy(self) -> str:
        """Take them all, or make one."""
        bounds = "{min: …, max: …}"
        named = ", ".join(f"{name}: {bounds}" for name, _ in self.values[:_MOST_FIELDS])
        less = f"`inputs: {{{named}}}`" if named else "make one: a batch of 1"
        return f"Say `outputs: {{images: {{from: {self.at.node}, many: true}}}}` in the note for a list, or {less}."
