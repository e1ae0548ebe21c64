"""What can be wrong between a node as saved and its class as this ComfyUI has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from shlex import quote
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, Severity, did_you_mean, show
from comfy2runpod.ir.json import Json


@dataclass(frozen=True, kw_only=True)
class UnknownNodeClass(Diagnostic):
    """A class that the catalog does not have."""

    code: ClassVar[str] = "unknown-class"
    class_type: str
    comfyui: str
    pack: str | None
    pack_version: str | None
    near: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The class and the version that lacks it, and the pack that it came from, if the file tells."""
        text = f"ComfyUI {self.comfyui} has no node class {self.class_type}."
        if self._of_a_pack:
            version = f", saved with version {self.pack_version}" if self.pack_version else ""
            text += f" It comes from the node pack {self.pack}{version}, of which no catalog is given."
        return text

    @property
    def remedy(self) -> str:
        """The command that makes a catalog of the pack; or the nearest names."""
        if self._of_a_pack:
            name = str(self.pack).rpartition("/")[2]
            place = (PurePath(self.at.file).parent / "catalog" / f"{name.casefold()}.json").as_posix()
            return (
                f"Start a ComfyUI {self.comfyui} that has the pack and run\n"
                f"comfy2runpod catalog refresh --from http://127.0.0.1:8188 --pack {quote(name)} -o {quote(place)}\n"
                "or replace the node by one of ComfyUI's own."
            )
        return f"{did_you_mean(self.near)}Replace the node, or compile for a ComfyUI version that has it."

    @property
    def _of_a_pack(self) -> bool:
        return self.pack is not None and self.pack != "comfy-core"


@dataclass(frozen=True, kw_only=True)
class PaidApiNode(Diagnostic):
    """A node that calls a paid service, which a worker has no account for."""

    code: ClassVar[str] = "paid-api-node"

    @property
    def reason(self) -> str:
        """What it does."""
        return "This node calls a paid service in the name of a Comfy.org account."

    @property
    def remedy(self) -> str:
        """How to allow it."""
        return (
            f"Replace it by a node that runs on the worker, or allow it by name: --allow-api-node {self.at.class_type} "
            "(--allow-api-nodes allows all of them)."
        )


@dataclass(frozen=True, kw_only=True)
class WidgetCountMismatch(Diagnostic):
    """More saved values than the class has widgets: the node was saved under another version of its class."""

    code: ClassVar[str] = "widget-count-mismatch"
    expected: tuple[str, ...]
    found: int
    saved_with: str | None

    @property
    def reason(self) -> str:
        """Both counts and the widgets' names."""
        names = ", ".join(self.expected) or "none"
        version = f" (saved with version {self.saved_with})" if self.saved_with else ""
        return (
            f"The node holds {self.found} widget values{version}, its class has {len(self.expected)} widgets: {names}. "
            "Which value belongs to which widget cannot be told."
        )

    @property
    def remedy(self) -> str:
        """Recreate it."""
        return "Open the graph in ComfyUI, recreate the node (right click > Fix node), check its values, and save."


@dataclass(frozen=True, kw_only=True)
class NotASeedControl(Diagnostic):
    """The value after a seed is not one of the editor's control words: the list is shifted."""

    code: ClassVar[str] = "widget-values-shifted"
    widget: str
    value: Json

    @property
    def reason(self) -> str:
        """What stands where the control word should."""
        return (
            f"After {self.widget} the editor saves fixed, increment, decrement or randomize; found {show(self.value)}. "
            "The values after it would go to the wrong widgets."
        )

    @property
    def remedy(self) -> str:
        """Recreate it."""
        return "Open the graph in ComfyUI, recreate the node (right click > Fix node), check its values, and save."


@dataclass(frozen=True, kw_only=True)
class AmbiguousPromotedValue(Diagnostic):
    """A promoted widget whose inner and instance values differ, and no editor version says which counts."""

    code: ClassVar[str] = "ambiguous-promoted-value"
    name: str
    inner_path: str
    inner: Json
    saved: Json
    version: str | None

    @property
    def reason(self) -> str:
        """Both values and which editor takes which."""
        by = f"editor {self.version}, which is neither" if self.version else "an editor that left no version"
        return (
            f"{self.name} is {show(self.saved)} on the subgraph's instance and {show(self.inner)} in the node inside. "
            f"Editor 1.43 queues the inner value, 1.58 the instance's; the file was saved by {by}."
        )

    @property
    def remedy(self) -> str:
        """Decide."""
        return "Set both to the same value, or say which editor's rule to follow: --editor 1.43 or --editor 1.58."


@dataclass(frozen=True, kw_only=True)
class DynamicPromptChoice(Diagnostic):
    """A text with alternatives in braces, of which the editor would draw one at random."""

    code: ClassVar[str] = "dynamic-prompt"
    text: str

    @property
    def reason(self) -> str:
        """What the editor does with it."""
        return f"The text {show(self.text)} holds alternatives in braces: the editor draws one of them for each run."

    @property
    def remedy(self) -> str:
        """Write one."""
        return "Write out the one that is meant, or escape the braces as \\{ and \\}."


@dataclass(frozen=True, kw_only=True)
class UndeclaredInput(Diagnostic):
    """A link into an input that the class does not have; the server ignores it."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "undeclared-input"
    declared: tuple[str, ...]

    @property
    def reason(self) -> str:
        """What the class has."""
        return f"The class has no such input (it has: {', '.join(self.declared)}); the link has no effect."

    @property
    def remedy(self) -> str:
        """Recreate it."""
        return "Recreate the node in ComfyUI (right click > Fix node) and link what is meant."
