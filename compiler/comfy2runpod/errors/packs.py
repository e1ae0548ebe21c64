"""What can be wrong with nodes whose pack's extension of the editor has a part in what is queued."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Severity, Text, did_you_mean, nearest, shorten, show
from comfy2runpod_contract.json_types import Json


class ExtensionDecides(Diagnostic):
    """A node of a pack whose editor extension changes the prompt in a way that we do not reproduce."""

    code = "pack-extension"
    pack: str
    does: str
    instead: str

    reason = Text("The extension that the node pack {pack} adds to the editor {does}.")

    @Text
    def remedy(self) -> str:
        return self.instead


class NoSetNode(Diagnostic):
    """A GetNode without a SetNode of the same name on its canvas."""

    code = "no-set-node"
    name: str
    elsewhere: bool
    known: tuple[str, ...]

    @Text
    def reason(self) -> str:
        if self.elsewhere:
            return (
                f"The SetNode named {show(self.name)} is on another canvas, outside or inside a subgraph; only "
                "those on the same canvas are used."
            )
        return (
            f"No SetNode is named {show(self.name)}, so nothing provides the value for the inputs linked to this node."
        )

    @Text
    def remedy(self) -> str:
        near = "" if self.elsewhere else did_you_mean(nearest(self.name, self.known))
        return f"{near}Draw the link directly, and delete the GetNode."


class ValueDrawnByExtension(Diagnostic):
    """A placeholder that the pack's extension replaces with a random number when the graph is queued."""

    code = "value-drawn-by-extension"
    pack: str
    value: Json

    reason = Text(
        "{value:json} cannot be used as it is: the extension of the node pack {pack} replaces it with a random number "
        "each time the graph is queued."
    )
    remedy = Text(
        "Make it a field, `inputs: {{seed: {{from: {at.node}.{at.input}}}}}` in the note, or set a number of your own "
        "in ComfyUI."
    )


class ValuesSavedByName(Diagnostic):
    """Widget values saved as an object, of a class whose values the editor reads in order: none is queued."""

    code = "values-by-name"
    names: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return (
            f"The node's values are saved by name ({_listed(self.names)}), but the values of this class are read in "
            "order: the editor would queue none of them."
        )

    remedy = Text(
        "In ComfyUI, add a new node of this class, set its values, move the links to it, and delete the old one."
    )


class WidgetsOfExtension(Diagnostic):
    """Values of widgets that the pack's extension makes and the class does not declare."""

    code = "widgets-of-extension"
    pack: str | None
    names: tuple[str, ...]
    values: tuple[Json, ...] = ()

    @Text
    def reason(self) -> str:
        held = _listed(self.names) if self.names else ", ".join(show(value) for value in self.values[:3])
        whose = f"the node pack {self.pack}" if self.pack else "its node pack"
        return (
            f"The node has values of widgets that its class does not declare ({held}): the extension of {whose} "
            "makes them, and decides which of them are queued."
        )

    remedy = Text("Replace the node with nodes that declare all their inputs, such as ComfyUI's own.")


class ChoicesNotKnown(Diagnostic):
    """A value of an input whose list of choices was empty on the server from which the catalog was made."""

    severity = Severity.WARNING
    code = "choices-not-known"
    value: Json
    is_file: bool

    @Text
    def reason(self) -> str:
        text = (
            f"The catalog has no choices for this input, because the server that it was made from had none: it is "
            f"not known whether a worker has {show(self.value)}."
        )
        return text + " It has the name of a model file, so it is in the model lock." * self.is_file

    @Text
    def remedy(self) -> str:
        if self.is_file:
            return (
                f"Set `models: {{{shorten(str(self.value))}: {{url: …, directory: …}}}}` in the note, with the folder "
                "that the pack reads."
            )
        return "Create the catalog again from a ComfyUI that offers the choice."


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(shorten(name) for name in names[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"  # noqa: PLR2004
