"""What the server itself would refuse, said with the node's path, its title and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, chain, did_you_mean, nearest, shorten, show
from comfy2runpod.ir.flat import Cut, CutBy
from comfy2runpod.ir.json import Json

_WAY_ENDS = {
    CutBy.MUTED: "what it is linked to, {node}, is muted",
    CutBy.BYPASSED: "its link ends at {node}: it is bypassed and has no input of this type to pass on",
    CutBy.OPEN_INPUT: "its link leads to {node}, to whose input{slot} nothing is linked",
    CutBy.EMPTY_SUBGRAPH: "its link leads to {node}, inside which nothing feeds the output{slot}",
}
_MEND_WAY = {
    CutBy.MUTED: "In ComfyUI, select that node and press Ctrl+M to unmute it, or link another.",
    CutBy.BYPASSED: "In ComfyUI, select that node and press Ctrl+B to end the bypass, or link another.",
    CutBy.OPEN_INPUT: "Link that input, or link this one to another node.",
    CutBy.EMPTY_SUBGRAPH: "Open that subgraph and link a node to that output, or link this input to another node.",
}


@dataclass(frozen=True, kw_only=True)
class RequiredInputMissing(Diagnostic):
    """A required input with neither a link nor a value, or with a link that `cut` ends on the way."""

    code: ClassVar[str] = "required-input-missing"
    type: str
    cut: Cut | None

    @property
    def reason(self) -> str:
        """What is missing, and where the link ends if there is one."""
        required = f"The input (type {self.type}) is required"
        if self.cut is None:
            return f"{required} and has neither a link nor a value."
        end = self.cut.at
        way = _WAY_ENDS[self.cut.by].format(node=end.node_name, slot=f" {end.input}" if end.input else "")
        return f"{required}, and {way}."

    @property
    def remedy(self) -> str:
        """Link it, or mend the way."""
        return "Link it." if self.cut is None else _MEND_WAY[self.cut.by]


@dataclass(frozen=True, kw_only=True)
class ValueOutOfBounds(Diagnostic):
    """A number below or above what the class allows."""

    code: ClassVar[str] = "value-out-of-bounds"
    value: Json
    minimum: float | None
    maximum: float | None

    @property
    def reason(self) -> str:
        """The value and the bounds."""
        return f"The value {show(self.value)} is out of bounds: expected {_bounds(self.minimum, self.maximum)}."

    @property
    def remedy(self) -> str:
        """Set it."""
        return "Set a value within the bounds."


@dataclass(frozen=True, kw_only=True)
class ValueNotInList(Diagnostic):
    """A choice that the class does not offer."""

    code: ClassVar[str] = "value-not-in-list"
    value: Json
    choices: tuple[Json, ...]
    folders: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The value and the choices."""
        if self.folders and not self.choices:
            return f"{show(self.value)} is not the name of a file for the folder {' or '.join(self.folders)}."
        offered = shorten(", ".join(str(choice) for choice in self.choices), 200) or "nothing"
        return f"{show(self.value)} is not among the choices: {offered}."

    @property
    def remedy(self) -> str:
        """The nearest."""
        near = nearest(str(self.value), [str(choice) for choice in self.choices])
        return f"{did_you_mean(near)}Choose one that this version of the node offers."


@dataclass(frozen=True, kw_only=True)
class WrongType(Diagnostic):
    """A value that is not of the input's type."""

    code: ClassVar[str] = "wrong-type"
    value: Json
    expected: str

    @property
    def reason(self) -> str:
        """The value and the type."""
        return f"{show(self.value)} is not of the type {self.expected}."

    @property
    def remedy(self) -> str:
        """The usual cause."""
        return (
            "Set a value of that type. If the node's values look shifted, it was saved under another version of its "
            "class: add a new one in its place."
        )


@dataclass(frozen=True, kw_only=True)
class LinkOfWrongType(Diagnostic):
    """A link from an output whose type the input does not take."""

    code: ClassVar[str] = "link-of-wrong-type"
    origin: str
    given: str
    expected: str

    @property
    def reason(self) -> str:
        """Both types."""
        return f"The link brings {self.given} from {self.origin}; the input takes {self.expected}."

    @property
    def remedy(self) -> str:
        """Link another."""
        return "Link an output of the right type."


@dataclass(frozen=True, kw_only=True)
class MalformedLink(Diagnostic):
    """A list that is not a link, where the server takes every list for one."""

    code: ClassVar[str] = "malformed-link"
    value: Json

    @property
    def reason(self) -> str:
        """What was found."""
        return f'Expected a link, ["node id", output number]; found {show(self.value)}.'

    @property
    def remedy(self) -> str:
        """The two ways out."""
        return 'Name a node and the number of its output. To give a list as a value, wrap it: {"__value__": […]}.'


@dataclass(frozen=True, kw_only=True)
class LinkFromAbsentNode(Diagnostic):
    """A link from a node that the prompt does not have."""

    code: ClassVar[str] = "link-from-absent-node"
    origin: str
    near: Callable[[str], tuple[str, ...]] = field(compare=False)

    @property
    def reason(self) -> str:
        """The node that is not there."""
        return f"The link comes from node {show(self.origin)}, which is not in the prompt."

    @property
    def remedy(self) -> str:
        """Put it back."""
        return f"{did_you_mean(self.near(self.origin))}Put that node back, or link the output of another."


@dataclass(frozen=True, kw_only=True)
class LinkFromNoOutput(Diagnostic):
    """A link from an output that its node does not have."""

    code: ClassVar[str] = "link-from-no-output"
    origin: str
    slot: int
    outputs: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The number and the outputs."""
        outputs = ", ".join(self.outputs) or "none"
        return f"The link takes output {shorten(str(self.slot), 30)} of {self.origin}, whose outputs are: {outputs}."

    @property
    def remedy(self) -> str:
        """Take one of them."""
        return "Link one of these outputs. A node's outputs may differ between versions of its class."


@dataclass(frozen=True, kw_only=True)
class GraphCycle(Diagnostic):
    """Nodes that wait for one another."""

    code: ClassVar[str] = "graph-cycle"
    nodes: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The cycle, node by node."""
        return f"These nodes wait for one another: {chain((*self.nodes, self.nodes[0]))}."

    @property
    def remedy(self) -> str:
        """Break it."""
        return "Remove one of the links between them."


@dataclass(frozen=True, kw_only=True)
class NoOutputNode(Diagnostic):
    """A prompt that would compute nothing."""

    code: ClassVar[str] = "no-output-node"

    @property
    def reason(self) -> str:
        """What the server looks for."""
        return "No node that runs saves or shows a result: the server refuses a prompt without outputs."

    @property
    def remedy(self) -> str:
        """Add one."""
        return "Add a Save node, or switch the one that is muted or bypassed back on."


@dataclass(frozen=True, kw_only=True)
class RefusedByServer(Diagnostic):
    """Anything else that the server's own check refuses."""

    code: ClassVar[str] = "refused-by-server"
    kind: str
    message: str
    details: str

    @property
    def reason(self) -> str:
        """The server's words."""
        return f"ComfyUI refuses the prompt ({self.kind}): {shorten(f'{self.message}: {self.details}', 300)}."

    @property
    def remedy(self) -> str:
        """Look at it there."""
        return "Open the graph in ComfyUI and queue it: the editor marks the node."


def _bounds(minimum: float | None, maximum: float | None) -> str:
    if minimum is None:
        return f"at most {maximum}"
    return f"at least {minimum}" if maximum is None else f"{minimum} to {maximum}"
