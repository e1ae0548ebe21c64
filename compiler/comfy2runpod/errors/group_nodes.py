"""What can be wrong with group nodes: several nodes in one box, as editors before subgraphs made them."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, Text, also
from comfy2runpod_contract.json_types import Json

_CONVERT = (
    "Take the group node apart (right-click it, `Convert to nodes`) in the ComfyUI it was made with, and save; a "
    "subgraph can hold the nodes together."
)


class MissingGroupDefinition(Diagnostic):
    """A group node that the file does not define."""

    code = "missing-group-node"
    name: str
    defined: tuple[str, ...]

    @Text
    def reason(self) -> str:
        others = f" (it defines {', '.join(self.defined)})" if self.defined else ""
        return f'The node is a group node named "{self.name}", which the file does not define{others}.'

    remedy = Text(
        "Open the file from which it was copied, convert the group node to nodes there, and copy those nodes."
    )


class GroupNodeInside(Diagnostic):
    """A group node inside a subgraph or inside another group node."""

    code = "group-node-inside"
    inside: str

    reason = Text("The group node is inside a {inside}: the editor cannot make a prompt of it there.")
    remedy = Text(_CONVERT)


class SecondGroupInstance(Diagnostic):
    """A group node that is on the canvas more than once, with an editor that fails on the second."""

    code = "second-group-node"
    editor: str
    first: Locus = also("the same group node")
    inner: str
    missing: str

    reason = Text(
        "It is the same group node as node {first.node}. Editor {editor} fails on the second one, because the file "
        "does not list the {missing} of the {inner} inside, as newer files do."
    )
    remedy = Text(
        "Convert one of them to nodes (right-click it, `Convert to nodes`) and save, or compile with --editor 1.58."
    )


class GroupNodeUnmade(Diagnostic):
    """A group node that the editor fails to create."""

    code = "group-node-unmade"
    editor: str
    detail: str

    reason = Text("Editor {editor} cannot create this group node: {detail}.")
    remedy = Text(_CONVERT)


class GroupOutputBroken(Diagnostic):
    """An output of a group node that the editor fails to follow inside."""

    code = "group-output-broken"
    editor: str
    detail: str

    reason = Text("Editor {editor} cannot make a prompt of the graph: {detail}.")
    remedy = Text(_CONVERT)


class GroupValuesShifted(Diagnostic):
    """Saved values of a group node that would go to other widgets than those that they were saved for."""

    code = "group-values-shifted"
    widget: str
    value: Json
    expected: str
    found: int
    widgets: tuple[str, ...]

    reason = Text(
        "{widget} would get {value:json}, but takes {expected}: the group node has {found} widget values, and the "
        "editor assigns them to {widgets:list}, in this order."
    )
    remedy = Text(_CONVERT)


class GroupValueIgnored(Diagnostic):
    """A value that a group node shows, while the editor queues another one."""

    severity = Severity.WARNING
    code = "group-value-ignored"
    shown: Json
    queued: Json
    editor: str

    reason = Text(
        "The group node shows {shown:json}, but editor {editor} queues {queued:json}, which is saved inside it. The "
        "compiled prompt does the same."
    )
    remedy = Text(
        "Convert the group node to nodes (right-click it, `Convert to nodes`), set the value there, and save."
    )


class GroupLinkLost(Diagnostic):
    """A link into a group node, or inside it, that the editor drops silently."""

    severity = Severity.WARNING
    code = "group-link-lost"
    origin: Locus = also("the link comes from here")
    # Empty, or "bypassed " before the class.
    state: str = ""
    editor: str

    reason = Text(
        "The link comes from node {origin.node} ({state}{origin.class_type}), which editor {editor} does not follow "
        "for group nodes: it drops the link. The compiled prompt does the same."
    )
    remedy = Text("Link the input directly to the node that makes the value, or convert the group node to nodes.")


class GroupNodeStillRuns(Diagnostic):
    """A muted or bypassed group node that the editor turns into a subgraph that runs."""

    severity = Severity.WARNING
    code = "group-node-still-runs"
    state: str
    editor: str

    reason = Text(
        "This group node is {state}, but editor {editor} turns it into a subgraph that runs. The compiled prompt does "
        "the same."
    )
    remedy = Text("Open the graph in ComfyUI, mute or bypass the new subgraph, and save.")
