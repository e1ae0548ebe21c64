"""What converts well and does otherwise on a worker than on the author's machine."""

from __future__ import annotations

from comfy2runpod.amounts import LARGEST_COUNT
from comfy2runpod.diagnostics import Diagnostic, Severity, Text, shorten
from comfy2runpod_contract.json_types import Json

_MOST_FIELDS = 4


class WindowsSeparator(Diagnostic):
    r"""A file's name with `\`, as ComfyUI on Windows writes it."""

    code = "windows-separator"
    value: str

    reason = Text(
        "{value:json} is written with the separator of Windows. Workers run on Linux, where ComfyUI lists the file as "
        "{_plain:json} and refuses every other name."
    )
    remedy = Text(
        "Write {_plain:short}: choose it in a ComfyUI that runs on Linux and save, or replace each \\\\ with / in the "
        "graph's file, in the value of the node and everywhere else that the name is used."
    )

    @property
    def _plain(self) -> str:
        return self.value.replace("\\", "/")


class FileOfTheAuthors(Diagnostic):
    """A file that ComfyUI made on the author's machine, in a folder that no field can feed."""

    code = "file-of-the-authors"
    value: str

    reason = Text("It reads {value:json}, a file that ComfyUI made on your machine: no worker has it.")
    remedy = Text(
        "Load it with Load Image instead, which becomes a field for which callers send an image, or remove the node."
    )


class ValueStaysAsSaved(Diagnostic):
    """A value that the editor changes after each run, and that no field feeds."""

    severity = Severity.WARNING
    code = "value-stays-as-saved"
    value: Json
    control: str

    reason = Text(
        "In the editor its control is set to {control}: each run has another value. No field feeds it, so every call "
        "runs with {value:json}, and equal calls get equal answers."
    )
    remedy = Text(
        "Make it a field in the note, `inputs: {{seed: {{from: {at.node}.{at.input}}}}}`, or set the control to fixed "
        "if this is intended."
    )


class MaskFromTransparency(Diagnostic):
    """A mask that is taken from the transparency of a caller's image."""

    severity = Severity.WARNING
    code = "mask-from-transparency"
    field: str
    painted: bool

    @Text
    def reason(self) -> str:
        text = (
            "Its mask output is used. For a caller's image, the mask is the transparency of the image: one without "
            "transparency, such as any JPEG, gives an empty mask."
        )
        return text + " The mask painted in the editor remains on your machine." * self.painted

    remedy = Text(
        "Describe this in the field's description, `inputs: {{{field}: {{description: …}}}}`, or load the mask with a "
        "separate node, Load Image (as Mask) by a colour, which becomes a field."
    )


class EmbeddingNotInPackage(Diagnostic):
    """A text that names an embedding, a file that the package does not provide."""

    severity = Severity.WARNING
    code = "embedding-not-in-package"
    names: tuple[str, ...]

    @Text
    def reason(self) -> str:
        shown = ", ".join(shorten(name) for name in self.names)
        return (
            f"The text names {'an embedding' if len(self.names) == 1 else 'embeddings'} ({shown}). The worker does not "
            "download embeddings, and ComfyUI ignores a missing one, with only a line in its log."
        )

    remedy = Text("Put the file into models/embeddings of the network volume, or remove the words from the text.")


class ImageLacks(Diagnostic):
    """A node that needs something that the worker's image does not have."""

    code = "image-lacks"
    what: str
    instead: str

    reason = Text("It needs {what}, which the worker's image does not have: every job would fail there.")

    @Text
    def remedy(self) -> str:
        return self.instead


def _described(count: int) -> str:
    return str(count) if count < LARGEST_COUNT else f"{LARGEST_COUNT:,} or more"


class SeveralImages(Diagnostic):
    """An output for one image, of a node that saves several."""

    code = "several-images"
    output: str
    # None for those of a list.
    count: int | None
    # Of the fields that make so many, the values that do.
    values: tuple[tuple[str, int], ...]

    @Text
    def reason(self) -> str:
        described = " and ".join(f"{name} is {value}" for name, value in self.values[:_MOST_FIELDS])
        more = f" and {len(self.values) - _MOST_FIELDS} more" if len(self.values) > _MOST_FIELDS else ""
        when = f" if {described}{more}" if described else ""
        saved = "each image of a list" if self.count is None else f"{_described(self.count)} images"
        return f"It saves {saved}{when}; the output {self.output} takes only one, so the job would fail."

    @Text
    def remedy(self) -> str:
        bounds = "{min: …, max: …}"
        named = ", ".join(f"{name}: {bounds}" for name, _ in self.values[:_MOST_FIELDS])
        less = f"`inputs: {{{named}}}`" if named else "make one: a batch of 1"
        return f"Set `outputs: {{images: {{from: {self.at.node}, many: true}}}}` in the note for a list, or {less}."
