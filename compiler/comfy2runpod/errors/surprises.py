"""What converts well and does otherwise on a worker than on the author's machine."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Severity, Text, shorten
from comfy2runpod.ir.json import Json

_MOST_FIELDS = 4


class WindowsSeparator(Diagnostic):
    r"""A file's name with `\`, as ComfyUI on Windows writes it."""

    code = "windows-separator"
    value: str

    reason = Text(
        "{value:json} is written with Windows' separator. Workers run on Linux, whose ComfyUI lists the file as "
        "{_plain:json} and refuses every other name."
    )
    remedy = Text(
        "Write {_plain:short}: choose it in a ComfyUI that runs on Linux and save, or put / in place of each \\\\ in "
        "the graph's file, in the node's value and wherever else the name stands."
    )

    @property
    def _plain(self) -> str:
        return self.value.replace("\\", "/")


class FileOfTheAuthors(Diagnostic):
    """A file that ComfyUI itself has made on the author's machine, in a folder that no field can feed."""

    code = "file-of-the-authors"
    value: str

    reason = Text("It reads {value:json}, a file that ComfyUI has made on your machine: no worker has it.")
    remedy = Text(
        "Load it with Load Image instead, which becomes a field that callers send an image for, or take it out."
    )


class ValueStaysAsSaved(Diagnostic):
    """A value that the editor changes after each run, and that no field feeds."""

    severity = Severity.WARNING
    code = "value-stays-as-saved"
    value: Json
    control: str

    reason = Text(
        "In the editor its control says {control}: each run has another value. No field feeds it, so that every call "
        "runs with {value:json}, and equal calls get equal answers."
    )
    remedy = Text(
        "Say `inputs: {{seed: {{from: {at.node}.{at.input}}}}}` in the note, or set the control to fixed if that is "
        "meant."
    )


class MaskFromTransparency(Diagnostic):
    """The mask of a caller's image: what is transparent in it."""

    severity = Severity.WARNING
    code = "mask-from-transparency"
    field: str
    painted: bool

    @Text
    def reason(self) -> str:
        text = (
            "Its mask is used. Of a caller's image that is what is transparent in it: an image without "
            "transparency, as every JPEG, gives an empty mask."
        )
        return text + " The mask that was painted in the editor stays on your machine." * self.painted

    remedy = Text(
        "Tell callers so in the field's description, `inputs: {{{field}: {{description: …}}}}`, or load the mask with "
        "a node of its own, Load Image (as Mask) by a colour, which becomes a field."
    )


class EmbeddingNotInPackage(Diagnostic):
    """A text that names an embedding, a file that the package knows nothing of."""

    severity = Severity.WARNING
    code = "embedding-not-in-package"
    names: tuple[str, ...]

    @Text
    def reason(self) -> str:
        shown = ", ".join(shorten(name) for name in self.names)
        return (
            f"The text names {'an embedding' if len(self.names) == 1 else 'embeddings'} ({shown}). The worker does not "
            "download it, and ComfyUI leaves out what it does not find, with no more than a line in its log."
        )

    remedy = Text("Put the file into models/embeddings of the network volume, or take the words out of the text.")


class ImageLacks(Diagnostic):
    """A node that needs what the worker's image does not have."""

    code = "image-lacks"
    what: str
    instead: str

    reason = Text("It needs {what}, which the worker's image does not have: every job would fail there.")

    @Text
    def remedy(self) -> str:
        return self.instead


class SeveralImages(Diagnostic):
    """An output that stands for one image, of a node that saves several."""

    code = "several-images"
    output: str
    # None for those of a list.
    count: int | None
    # Of the fields that make so many, the values that do.
    values: tuple[tuple[str, int], ...]

    @Text
    def reason(self) -> str:
        told = " and ".join(f"{name} is {value}" for name, value in self.values[:_MOST_FIELDS])
        more = f" and {len(self.values) - _MOST_FIELDS} more so" if len(self.values) > _MOST_FIELDS else ""
        when = f", where {told}{more}" if told else ""
        saved = "the images of a list, one by one" if self.count is None else f"{self.count} images"
        return f"It saves {saved}{when}; the output {self.output} stands for one, and the job would fail."

    @Text
    def remedy(self) -> str:
        bounds = "{min: …, max: …}"
        named = ", ".join(f"{name}: {bounds}" for name, _ in self.values[:_MOST_FIELDS])
        less = f"`inputs: {{{named}}}`" if named else "make one: a batch of 1"
        return f"Say `outputs: {{images: {{from: {self.at.node}, many: true}}}}` in the note for a list, or {less}."
