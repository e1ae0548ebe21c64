"""What can be wrong with group nodes: several nodes in one box, as editors before subgraphs made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, Severity, show
from comfy2runpod.ir.json import Json

_CONVERT = (
    "Take the group node apart (right-click it, `Convert to nodes`) in the ComfyUI it was made with, and save; a "
    "subgraph can hold the nodes together."
)


@dataclass(frozen=True, kw_only=True)
class MissingGroupDefinition(Diagnostic):
    """A group node that the file does not define."""

    code: ClassVar[str] = "missing-group-node"
    name: str
    defined: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The name that is missing and those that are there."""
        others = f" (it does define {', '.join(self.defined)})" if self.defined else ""
        return f'The node is a group node named "{self.name}", which the file does not define{others}.'

    @property
    def remedy(self) -> str:
        """Save it whole."""
        return "Open the file it was copied from, take the group node apart there, and copy the nodes themselves."


@dataclass(frozen=True, kw_only=True)
class GroupNodeInside(Diagnostic):
    """A group node inside a subgraph or inside another group node."""

    code: ClassVar[str] = "group-node-inside"
    inside: str

    @property
    def reason(self) -> str:
        """Where it stands."""
        return f"The group node stands inside a {self.inside}: the editor makes no prompt of it there."

    @property
    def remedy(self) -> str:
        """Take it apart."""
        return _CONVERT


@dataclass(frozen=True, kw_only=True)
class SecondGroupInstance(Diagnostic):
    """A group node that stands on the canvas more than once, in an editor that cannot copy it."""

    code: ClassVar[str] = "second-group-node"
    editor: str
    first: str
    inner: str
    missing: str

    @property
    def reason(self) -> str:
        """The first instance, and what the file lacks for a second."""
        return (
            f"It is the same group node as node {self.first}. Editor {self.editor} fails on the second, because the "
            f"file does not list the {self.missing} of the {self.inner} inside, as newer files do."
        )

    @property
    def remedy(self) -> str:
        """Take one apart, or let another editor's rules count."""
        return "Take one of them apart (right-click it, `Convert to nodes`) and save, or compile with --editor 1.58."


@dataclass(frozen=True, kw_only=True)
class GroupNodeUnmade(Diagnostic):
    """A group node that the editor cannot make a node of."""

    code: ClassVar[str] = "group-node-unmade"
    editor: str
    detail: str

    @property
    def reason(self) -> str:
        """Why."""
        return f"Editor {self.editor} cannot make this group node: {self.detail}."

    @property
    def remedy(self) -> str:
        """Take it apart."""
        return _CONVERT


@dataclass(frozen=True, kw_only=True)
class GroupOutputBroken(Diagnostic):
    """An output of a group node that the editor fails to follow inside."""

    code: ClassVar[str] = "group-output-broken"
    editor: str
    detail: str

    @property
    def reason(self) -> str:
        """What it ends at."""
        return f"Editor {self.editor} makes no prompt of the graph: {self.detail}."

    @property
    def remedy(self) -> str:
        """Take it apart."""
        return _CONVERT


@dataclass(frozen=True, kw_only=True)
class GroupValuesShifted(Diagnostic):
    """A group node's saved values that go to widgets that they were not made for."""

    code: ClassVar[str] = "group-values-shifted"
    widget: str
    value: Json
    expected: str
    found: int
    widgets: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The first value that does not fit, and all widgets."""
        return (
            f"{self.widget} would get {show(self.value)}, where {self.expected} belongs: the group node holds "
            f"{self.found} widget values, and the editor gives them to {', '.join(self.widgets)}, in this order."
        )

    @property
    def remedy(self) -> str:
        """Take it apart."""
        return _CONVERT


@dataclass(frozen=True, kw_only=True)
class GroupValueIgnored(Diagnostic):
    """A value that a group node shows, where the editor queues another one."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "group-value-ignored"
    shown: Json
    queued: Json
    editor: str

    @property
    def reason(self) -> str:
        """Both values."""
        return (
            f"The group node shows {show(self.shown)}, but editor {self.editor} queues {show(self.queued)}, which is "
            "saved inside it. The compiled prompt does the same."
        )

    @property
    def remedy(self) -> str:
        """Set it on the node itself."""
        return "Take the group node apart (right-click it, `Convert to nodes`), set the value there, and save."


@dataclass(frozen=True, kw_only=True)
class GroupLinkLost(Diagnostic):
    """A link into a group node, or inside it, that the editor drops in silence."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "group-link-lost"
    origin: str
    editor: str

    @property
    def reason(self) -> str:
        """Where the link comes from."""
        return (
            f"The link comes from {self.origin}, which editor {self.editor} does not follow for group nodes: it drops "
            "the link. The compiled prompt does the same."
        )

    @property
    def remedy(self) -> str:
        """Link it directly, or take the group apart."""
        return "Link the input directly to the node that makes the value, or take the group node apart."


@dataclass(frozen=True, kw_only=True)
class GroupNodeStillRuns(Diagnostic):
    """A muted or bypassed group node whose state the editor loses when it turns it into a subgraph."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "group-node-still-runs"
    state: str
    editor: str

    @property
    def reason(self) -> str:
        """The editor's rule."""
        return (
            f"This group node is {self.state}, but editor {self.editor} turns it into a subgraph that runs. The "
            "compiled prompt does the same."
        )

    @property
    def remedy(self) -> str:
        """Do it again in the new editor."""
        return "Open the graph in ComfyUI, mute or bypass the new subgraph, and save."
