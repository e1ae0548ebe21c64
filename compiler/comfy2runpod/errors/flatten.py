"""What can be wrong with a graph's structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, Severity, chain


@dataclass(frozen=True, kw_only=True)
class MissingSubgraphDefinition(Diagnostic):
    """An instance of a subgraph that the file does not define."""

    code: ClassVar[str] = "missing-subgraph"
    definition: str
    defined: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The id that is missing and the names of those that are there."""
        there = ", ".join(self.defined) if self.defined else "none"
        return (
            f"The node is an instance of subgraph {self.definition}, which the file does not define (it has: {there})."
        )

    @property
    def remedy(self) -> str:
        """Save it whole."""
        return "Open the graph in ComfyUI, where the node shows as broken; unpack or recreate the subgraph, and save."


@dataclass(frozen=True, kw_only=True)
class SubgraphInsideItself(Diagnostic):
    """A subgraph that holds an instance of itself, directly or through others."""

    code: ClassVar[str] = "subgraph-cycle"
    names: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The chain."""
        return f"The subgraph holds itself: {chain(self.names)}."

    @property
    def remedy(self) -> str:
        """Break it."""
        return "Remove the inner instance, or unpack one of the subgraphs."


@dataclass(frozen=True, kw_only=True)
class BrokenLink(Diagnostic):
    """An input that names a link, or a link that names a node, that is not there."""

    code: ClassVar[str] = "broken-link"
    link: int
    missing: str

    @property
    def reason(self) -> str:
        """What the link lacks."""
        return f"Link {self.link} {self.missing}."

    @property
    def remedy(self) -> str:
        """Draw it again."""
        return "Draw the link again in ComfyUI and save."


@dataclass(frozen=True, kw_only=True)
class LinkCycle(Diagnostic):
    """Links through reroutes, bypassed nodes or subgraphs that end where they began."""

    code: ClassVar[str] = "link-cycle"

    @property
    def reason(self) -> str:
        """What was found."""
        return "Following this input's link leads back to it: it has no origin."

    @property
    def remedy(self) -> str:
        """Break it."""
        return "Remove one link of the cycle."


@dataclass(frozen=True, kw_only=True)
class NothingToRun(Diagnostic):
    """A graph in which every node is a note, muted or bypassed."""

    code: ClassVar[str] = "nothing-to-run"
    muted: int

    @property
    def reason(self) -> str:
        """How many nodes are switched off."""
        off = f"; {self.muted} nodes are muted or bypassed" if self.muted else ""
        return f"No node of the graph would run{off}."

    @property
    def remedy(self) -> str:
        """Switch something on."""
        return "Switch the nodes that are to run back to `Always` (Ctrl+M, Ctrl+B) and save."


@dataclass(frozen=True, kw_only=True)
class TooManyNodes(Diagnostic):
    """Nested subgraphs that multiply beyond any real workflow."""

    code: ClassVar[str] = "too-many-nodes"
    limit: int
    written: int

    @property
    def reason(self) -> str:
        """The limit, and what the file holds."""
        return (
            f"The graph has more than {self.limit:,} nodes once its subgraphs are unfolded; the file holds "
            f"{self.written:,}."
        )

    @property
    def remedy(self) -> str:
        """Look for repetition."""
        return "Check for subgraphs nested in one another many times over, or compile parts of the graph by themselves."


@dataclass(frozen=True, kw_only=True)
class InnerNodesStillRun(Diagnostic):
    """A muted or bypassed subgraph inside another: the editor leaves its inner nodes in the prompt."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "inner-nodes-still-run"
    state: str

    @property
    def reason(self) -> str:
        """The editor's rule."""
        return (
            f"This subgraph is {self.state}, but it stands inside another one: the editor keeps its inner nodes in the "
            "prompt and only cuts or bridges its links. The compiled prompt does the same."
        )

    @property
    def remedy(self) -> str:
        """Switch off what is inside."""
        return "To switch it off, mute or bypass the nodes inside it, or remove it."


@dataclass(frozen=True, kw_only=True)
class EditorCannotOpen(Diagnostic):
    """A subgraph's instance that shows a curve or a box: the editor to be followed fails to open such a graph."""

    code: ClassVar[str] = "editor-cannot-open"
    editor: str
    widget: str

    @property
    def reason(self) -> str:
        """What stops the editor."""
        return (
            f"The subgraph shows {self.widget}, whose value is an object (a curve or a box), on its instance: editor "
            f"{self.editor} fails to open such a graph, so there is no prompt of its to follow."
        )

    @property
    def remedy(self) -> str:
        """Another editor, or no such widget."""
        return f"Compile with --editor 1.43, or take {self.widget} out of the subgraph's inputs and promoted widgets."


@dataclass(frozen=True, kw_only=True)
class SubgraphPassesThrough(Diagnostic):
    """A subgraph that leads one of its inputs straight to an output: the editor fails to make a prompt of it."""

    code: ClassVar[str] = "subgraph-passes-through"
    subgraph: str
    output: str

    @property
    def reason(self) -> str:
        """What the editor cannot follow."""
        return (
            f'The subgraph "{self.subgraph}" leads an input straight to its output {self.output}, with no node '
            "between: the editor fails to make a prompt of it."
        )

    @property
    def remedy(self) -> str:
        """Link around it."""
        return f"Link what feeds the subgraph directly to what its output {self.output} goes to."
