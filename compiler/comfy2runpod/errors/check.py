"""What the server itself would refuse, with the path and title of the node and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace

from comfy2runpod.diagnostics import Diagnostic, Locus, Related, Text, also, did_you_mean, nearest, shorten, show
from comfy2runpod.diagnostics.cut import Cut, CutBy
from comfy2runpod_contract.json_types import Json

_LINK_ENDS = {
    CutBy.MUTED: "what it is linked to, {node}, is muted",
    CutBy.BYPASSED: "its link ends at {node}, which is bypassed and has no input of this type to pass on",
    CutBy.OPEN_INPUT: "its link leads to {node}, whose input{slot} has no link",
    CutBy.EMPTY_SUBGRAPH: "its link leads to {node}, inside which nothing is linked to the output{slot}",
}
_REPAIRS = {
    CutBy.MUTED: "In ComfyUI, select that node and press Ctrl+M to unmute it, or link another.",
    CutBy.BYPASSED: "In ComfyUI, select that node and press Ctrl+B to end the bypass, or link another.",
    CutBy.OPEN_INPUT: "Link that input, or link this one to another node.",
    CutBy.EMPTY_SUBGRAPH: "Open that subgraph and link a node to that output, or link this input to another node.",
}


class RequiredInputMissing(Diagnostic):
    """A required input with neither a link nor a value, or whose link ends at `cut`, before any node that runs."""

    code = "required-input-missing"
    type: str
    cut: Cut | None

    @property
    def related(self) -> tuple[Related, ...]:
        """Where the link ends."""
        if self.cut is None:
            return ()
        if self.cut.by is CutBy.EMPTY_SUBGRAPH:
            return (Related(replace(self.cut.at, input=None), "the link ends inside this subgraph"),)
        return (Related(self.cut.at, "the link ends here"),)

    @Text
    def reason(self) -> str:
        required = f"The input (type {self.type}) is required"
        if self.cut is None:
            return f"{required} and has neither a link nor a value."
        end = self.cut.at
        ending = _LINK_ENDS[self.cut.by].format(node=end.node_name, slot=f" {end.input}" if end.input else "")
        return f"{required}, and {ending}."

    @Text
    def remedy(self) -> str:
        return "Link it." if self.cut is None else _REPAIRS[self.cut.by]


class ValueOutOfBounds(Diagnostic):
    """A number below or above what the class allows."""

    code = "value-out-of-bounds"
    value: Json
    minimum: float | None
    maximum: float | None

    @Text
    def reason(self) -> str:
        return f"The value {show(self.value)} is out of bounds: expected {_bounds(self.minimum, self.maximum)}."

    remedy = Text("Set a value within the bounds.")


class ValueNotInList(Diagnostic):
    """A choice that the class does not offer."""

    code = "value-not-in-list"
    value: Json
    choices: tuple[Json, ...]
    folders: tuple[str, ...]

    @Text
    def reason(self) -> str:
        if self.folders and not self.choices:
            return f"{show(self.value)} is not a valid file name for the folder {' or '.join(self.folders)}."
        offered = shorten(", ".join(str(choice) for choice in self.choices), 200) or "nothing"
        return f"{show(self.value)} is not among the choices: {offered}."

    @Text
    def remedy(self) -> str:
        near = nearest(str(self.value), [str(choice) for choice in self.choices])
        return f"{did_you_mean(near)}Choose one that this version of the node offers."


class WrongType(Diagnostic):
    """A value that is not of the input's type."""

    code = "wrong-type"
    value: Json
    expected: str

    reason = Text("{value:json} is not of the type {expected}.")
    remedy = Text(
        "Set a value of that type. If the values of the node look shifted, it was saved with another version of its "
        "class: add a new one in its place."
    )


class RefusedValue(Diagnostic):
    """A text that the class's own check does not accept."""

    code = "refused-value"
    value: Json
    problem: str

    @Text
    def reason(self) -> str:
        return f"The node refuses the value {show(self.value)}: {shorten(self.problem, 200).rstrip('.')}."

    remedy = Text("Set a value that the node accepts.")


class LinkOfWrongType(Diagnostic):
    """A link from an output whose type the input does not take."""

    code = "link-of-wrong-type"
    origin: Locus = also("the link comes from here")
    given: str
    expected: str

    reason = Text("The link carries {given} from node {origin.node} ({origin.class_type}); the input takes {expected}.")
    remedy = Text("Link an output of the right type.")


class MalformedLink(Diagnostic):
    """A list that is not a link; the server reads every list as a link."""

    code = "malformed-link"
    value: Json

    reason = Text('Expected a link, ["node id", output number]; found {value:json}.')
    remedy = Text('Name a node and the number of its output. To use a list as a value, wrap it: {{"__value__": […]}}.')


class LinkFromAbsentNode(Diagnostic):
    """A link from a node that the prompt does not have."""

    code = "link-from-absent-node"
    origin: str
    near: Callable[[str], tuple[str, ...]] = field(compare=False)

    reason = Text("The link comes from node {origin:json}, which is not in the prompt.")

    @Text
    def remedy(self) -> str:
        return f"{did_you_mean(self.near(self.origin))}Restore that node, or link the output of another."


class LinkFromNoOutput(Diagnostic):
    """A link from an output that its node does not have."""

    code = "link-from-no-output"
    origin: Locus = also("the link comes from here")
    slot: int
    outputs: tuple[str, ...]

    reason = Text(
        "The link takes output {_slot} of node {origin.node} ({origin.class_type}), whose outputs are: {outputs:list}."
    )
    remedy = Text("Link one of these outputs. A node's outputs may differ between versions of its class.")

    @property
    def _slot(self) -> str:
        return shorten(str(self.slot), 30)


class GraphCycle(Diagnostic):
    """Nodes that wait for one another. `others` are all of them but the first."""

    code = "graph-cycle"
    nodes: tuple[str, ...]
    others: tuple[Locus, ...] = also("in the same cycle")

    reason = Text("These nodes wait for one another: {_cycle:chain}.")
    remedy = Text("Remove one of the links between them.")

    @property
    def _cycle(self) -> tuple[str, ...]:
        return (*self.nodes, *self.nodes[:1])


class NoOutputNode(Diagnostic):
    """A prompt without an output node."""

    code = "no-output-node"

    reason = Text("No node that runs saves or shows a result: the server refuses a prompt without outputs.")
    remedy = Text("Add a Save node, or enable one that is muted or bypassed.")


class RefusedByServer(Diagnostic):
    """Anything else that the server's own check refuses."""

    code = "refused-by-server"
    kind: str
    message: str
    details: str

    @Text
    def reason(self) -> str:
        return f"ComfyUI refuses the prompt ({self.kind}): {shorten(f'{self.message}: {self.details}', 300)}."

    remedy = Text("Open the graph in ComfyUI and queue it: the editor marks the node.")


def _bounds(minimum: float | None, maximum: float | None) -> str:
    if minimum is None:
        return f"at most {maximum}"
    return f"at least {minimum}" if maximum is None else f"{minimum} to {maximum}"
