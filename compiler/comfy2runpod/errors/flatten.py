"""What can be wrong with a graph's structure."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, Text, also


class MissingSubgraphDefinition(Diagnostic):
    """An instance of a subgraph that the file does not define."""

    code = "missing-subgraph"
    definition: str
    defined: tuple[str, ...]

    @Text
    def reason(self) -> str:
        there = ", ".join(self.defined) if self.defined else "none"
        return (
            f"The node is an instance of subgraph {self.definition}, which the file does not define (it has: {there})."
        )

    remedy = Text(
        "Open the graph in ComfyUI, where the node shows as broken; unpack or recreate the subgraph, and save."
    )


class SubgraphInsideItself(Diagnostic):
    """A subgraph that holds an instance of itself, directly or through others."""

    code = "subgraph-cycle"
    names: tuple[str, ...]
    outer: Locus | None = also("the instance that it is inside")

    reason = Text("The subgraph holds itself: {names:chain}.")
    remedy = Text("Remove the inner instance, or unpack one of the subgraphs.")


class BrokenLink(Diagnostic):
    """An input that names a link, or a link that names a node, that is not there."""

    code = "broken-link"
    link: int
    missing: str

    reason = Text("Link {link} {missing}.")
    remedy = Text("Draw the link again in ComfyUI and save.")


class LinkCycle(Diagnostic):
    """Links through reroutes, bypassed nodes or subgraphs that end where they began."""

    code = "link-cycle"

    reason = Text("Following this input's link leads back to it: it has no origin.")
    remedy = Text("Remove one link of the cycle.")


class NothingToRun(Diagnostic):
    """A graph in which every node is a note, muted or bypassed."""

    code = "nothing-to-run"
    muted: int

    @Text
    def reason(self) -> str:
        off = f"; {self.muted} nodes are muted or bypassed" if self.muted else ""
        return f"No node of the graph would run{off}."

    remedy = Text("Switch the nodes that are to run back to `Always` (Ctrl+M, Ctrl+B) and save.")


class TooManyNodes(Diagnostic):
    """Nested subgraphs that multiply beyond any real workflow."""

    code = "too-many-nodes"
    limit: int
    written: int

    reason = Text(
        "The graph has more than {limit:,} nodes once its subgraphs are unfolded; the file holds {written:,}."
    )
    remedy = Text(
        "Check for subgraphs nested in one another many times over, or compile parts of the graph by themselves."
    )


class InnerNodesStillRun(Diagnostic):
    """A muted or bypassed subgraph inside another: the editor leaves its inner nodes in the prompt."""

    severity = Severity.WARNING
    code = "inner-nodes-still-run"
    state: str

    reason = Text(
        "This subgraph is {state}, but it stands inside another one: the editor keeps its inner nodes in the prompt "
        "and only cuts or bridges its links. The compiled prompt does the same."
    )
    remedy = Text("To switch it off, mute or bypass the nodes inside it, or remove it.")


class EditorCannotOpen(Diagnostic):
    """A subgraph's instance that shows a curve or a box: the editor to be followed fails to open such a graph."""

    code = "editor-cannot-open"
    editor: str
    widget: str

    reason = Text(
        "The subgraph shows {widget}, whose value is an object (a curve or a box), on its instance: editor {editor} "
        "fails to open such a graph, so there is no prompt of its to follow."
    )
    remedy = Text("Compile with --editor 1.43, or take {widget} out of the subgraph's inputs and promoted widgets.")


class SubgraphPassesThrough(Diagnostic):
    """A subgraph that leads one of its inputs straight to an output: the editor fails to make a prompt of it."""

    code = "subgraph-passes-through"
    subgraph: str
    output: str

    reason = Text(
        'The subgraph "{subgraph}" leads an input straight to its output {output}, with no node between: the editor '
        "fails to make a prompt of it."
    )
    remedy = Text("Link what feeds the subgraph directly to what its output {output} goes to.")
