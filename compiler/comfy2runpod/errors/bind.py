"""What can be wrong between a node as saved and its class as this ComfyUI has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from pathlib import PurePath
from shlex import quote

from comfy2runpod.diagnostics import Diagnostic, Severity, Text, did_you_mean, shorten, show
from comfy2runpod_contract.json_types import Json

_RECREATE = (
    "In ComfyUI, add a new node of this class (double-click the canvas and type its name), set its values, move the "
    "links over, delete the old one, and save."
)


class UnknownNodeClass(Diagnostic):
    """A class that the catalog does not have."""

    code = "unknown-class"
    class_type: str
    comfyui: str
    pack: str | None
    pack_version: str | None
    near: Callable[[str], tuple[str, ...]] = field(compare=False)

    @Text
    def reason(self) -> str:
        text = f"ComfyUI {self.comfyui} has no node class {shorten(self.class_type)}."
        if self._of_a_pack:
            version = f", saved with version {self.pack_version}" if self.pack_version else ""
            text += f" It comes from the node pack {self.pack}{version}, for which there is no catalog."
        elif self._of_comfyui:
            version = f" {self.pack_version}" if self.pack_version else ""
            text += f" The node was saved with ComfyUI{version}; packages are made for {self.comfyui}."
        return text

    @Text
    def remedy(self) -> str:
        folder = PurePath(self.at.file).parent / "catalog"
        if self._of_a_pack:
            name = str(self.pack).rpartition("/")[2]
            place = (folder / f"{name.casefold()}.json").as_posix()
            return (
                f"Start a ComfyUI {self.comfyui} that has the pack and run\n"
                f"comfy2runpod catalog refresh --from http://127.0.0.1:8188 --pack {quote(name)} -o {quote(place)}\n"
                "or replace the node with one of ComfyUI's own."
            )
        near = did_you_mean(self.near(self.class_type))
        if self._of_comfyui:
            return f"{near}Replace the node with nodes that ComfyUI {self.comfyui} has."
        place = (folder / "packs.json").as_posix()
        return (
            f"{near}Replace the node; or, if it belongs to a node pack, start a ComfyUI {self.comfyui} with the pack "
            f"and run\ncomfy2runpod catalog refresh --from http://127.0.0.1:8188 --packs-only -o {quote(place)}"
        )

    @property
    def _of_a_pack(self) -> bool:
        return self.pack is not None and self.pack != "comfy-core"

    @property
    def _of_comfyui(self) -> bool:
        return self.pack == "comfy-core"


class PaidApiNode(Diagnostic):
    """A node that calls a paid service, for which a worker has no account."""

    code = "paid-api-node"

    reason = Text("This node calls a paid service with a Comfy.org account.")
    remedy = Text(
        "Replace it with a node that runs on the worker, or allow it by name: --allow-api-node {at.class_type} "
        "(--allow-api-nodes allows all of them)."
    )


class WidgetValuesShifted(Diagnostic):
    """Widget values that another version of the class saved: from some position on they go to the wrong widgets."""

    code = "widget-values-shifted"
    widget: str
    value: Json
    expected: str
    found: int
    widgets: tuple[str, ...]
    removed: tuple[Json, ...]
    removed_after: str | None
    added: tuple[str, ...]
    saved_with: str | None

    @Text
    def reason(self) -> str:
        version = f"saved with version {self.saved_with}" if self.saved_with else "saved with another version"
        text = (
            f"{self.widget} would get {show(self.value)}, but takes {self.expected}: the node was {version} of its "
            f"class and has {self.found} widget values for {len(self.widgets)} widgets ({', '.join(self.widgets)})."
        )
        if self.added:
            inputs, they = ("input", "it") if len(self.added) == 1 else ("inputs", "them")
            text += f" The values fit without the {inputs} {', '.join(self.added)}: this version added {they}."
        elif self.removed:
            values = ", ".join(show(value) for value in self.removed)
            place = f"after {self.removed_after}" if self.removed_after else "at the start"
            text += f" The values fit without {values} {place}: this version no longer has an input there."
        return text

    remedy = Text(_RECREATE)


class WrongWidgetType(Diagnostic):
    """A saved value that is not of its widget's type, where no other version of the class explains it."""

    code = "wrong-type"
    value: Json
    expected: str

    reason = Text("The saved value {value:json} is not of the type {expected}.")
    remedy = Text(_RECREATE)


class ExtraWidgetValues(Diagnostic):
    """More saved values than the class has widgets, all of which fit: the editor ignores the last ones."""

    severity = Severity.WARNING
    code = "extra-widget-values"
    widgets: tuple[str, ...]
    extra: tuple[Json, ...]
    saved_with: str | None

    @Text
    def reason(self) -> str:
        version = f", saved with version {self.saved_with}," if self.saved_with else ""
        values = ", ".join(show(value) for value in self.extra)
        if not self.widgets:
            count = "a widget value" if len(self.extra) == 1 else f"{len(self.extra)} widget values"
            return (
                f"The node{version} has {count}, but its class has no widgets. Ignored, as in the editor: "
                f"{shorten(values)}."
            )
        places = ", ".join(self.widgets)
        return (
            f"The node{version} has {len(self.widgets) + len(self.extra)} widget values, but its class has "
            f"{len(self.widgets)} widgets: {places}. Each of them gets a value that fits; the remaining values are "
            f"ignored, as in the editor: {shorten(values)}."
        )

    remedy = Text("Check the node's values in ComfyUI and save the graph there: then the warning disappears.")


class InstanceValueMisfits(Diagnostic):
    """A value that a subgraph's instance holds for a widget of another type: its values no longer match its inputs."""

    code = "instance-values-shifted"
    instance: str
    value: Json
    expected: str

    reason = Text(
        "The instance {instance} of the subgraph has {value:json} for this widget, which takes {expected}: its list of "
        "values no longer matches the subgraph's inputs."
    )
    remedy = Text(
        "Set the widgets of node {instance} again in ComfyUI and save, or use the values of the nodes inside with "
        "--editor 1.43."
    )


class PromotedChoiceLost(Diagnostic):
    """A dynamic combo linked to a subgraph's input: the editor loses its choice on load, with its inputs."""

    severity = Severity.WARNING
    code = "promoted-choice-lost"
    editor: str

    reason = Text(
        "The input is linked to an input of its subgraph: editor {editor} falls back to the first choice when it opens "
        "the graph, drops the links to the inputs of other choices, and queues that. The compiled prompt does the same."
    )
    remedy = Text("Remove the input from the subgraph's inputs, or compile with --editor 1.58, which keeps the choice.")


class EditorsDisagree(Diagnostic):
    """A graph of which editor versions make different prompts, and nothing says which one is meant."""

    code = "editors-disagree"
    first: str
    first_value: str
    second: str
    second_value: str
    version: str | None

    @Text
    def reason(self) -> str:
        by = f"editor {self.version}, which is neither" if self.version else "an editor that recorded no version"
        return (
            f"Editor {self.first} queues {self.first_value} here, editor {self.second} {self.second_value}; "
            f"the file was saved by {by}."
        )

    remedy = Text(
        "Choose one: --editor {first} or --editor {second}. If this is a subgraph's widget, setting the same value on "
        "the instance and on the node inside avoids the choice."
    )


class DynamicPromptChoice(Diagnostic):
    """A text with alternatives in braces, of which the editor chooses one at random."""

    code = "dynamic-prompt"
    text: str

    reason = Text("The text {text:json} has alternatives in braces: the editor chooses one of them for each run.")
    remedy = Text("Write only the one that is meant, or escape the braces as \\{{ and \\}}.")


class UndeclaredInput(Diagnostic):
    """A link into an input that the class does not have; the server ignores it."""

    severity = Severity.WARNING
    code = "undeclared-input"
    declared: tuple[str, ...]

    reason = Text("The class has no such input (it has: {declared:list}); the link has no effect.")
    remedy = Text(
        "Link an input that the class has; to remove the old one, add a new node of this class and delete this one."
    )
