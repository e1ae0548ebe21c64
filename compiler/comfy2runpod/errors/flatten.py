"""What can be wrong with a graph's structure."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, Text, also


class MissingSubgraphDefinition(Diagnostic):
    """An instance of a subgraph that the file does not define."""

    code = "missing-subgraph"
    definition: str
    defined: tuple[str, ...]

    reason = Text(
        "The node is an instance of subgraph {definition}, which the file does not define (it defines: {defined:list})."
    )
    remedy = Text(
        "Open the graph in ComfyUI, which shows the node as broken; unpack or recreate the subgraph, and save."
    )


class SubgraphInsideItself(Diagnostic):
    """A subgraph that contains an instance of itself, directly or through others."""

    code = "subgraph-cycle"
    names: tuple[str, ...]
    outer: Locus | None = also("the instance that it is inside")

    reason = Text("The subgraph contains itself: {names:chain}.")
    remedy = Text("Remove the inner instance, or unpack one of the subgraphs.")


class BrokenLink(Diagnostic):
    """An input that names a link that does not exist, or a link that names a node that does not exist."""

    code = "broken-link"
    link: int
    missing: str

    reason = Text("Link {link} {missing}.")
    remedy = Text("Draw the link again in ComfyUI and save.")


class LinkCycle(Diagnostic):
    """Links through reroutes, bypassed nodes or subgraphs that lead back to where they began."""

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

    remedy = Text("Set the nodes that should run back to `Always` (Ctrl+M, Ctrl+B) and save.")


class TooManyNodes(Diagnostic):
    """Nested subgraphs that expand to more nodes than any real workflow has."""

    code = "too-many-nodes"
    limit: int
    written: int

    reason = Text(
        "The graph has more than {limit:,} nodes once its subgraphs are expanded; the file itself has {written:,}."
    )
    remedy = Text(
        "Check for subgraphs that are nested in one another many times, or compile parts of the graph separately."
    )


class InnerNodesStillRun(Diagnostic):
    """A muted or bypassed subgraph inside another one: the editor keeps its inner nodes in the prompt."""

    severity = Severity.WARNING
    code = "inner-nodes-still-run"
    state: str

    reason = Text(
        "This subgraph is {state}, but it is inside another one: the editor keeps its inner nodes in the prompt and "
        "only cuts or bridges its links. The compiled prompt does the same."
    )
    remedy = Text("To disable it, mute or bypass the nodes inside it, or remove it.")


class EditorCannotOpen(Diagnostic):
    """A subgraph's instance that shows a curve or a box, which the chosen editor fails to open."""

    code = "editor-cannot-open"
    editor: str
    widget: str

    reason = Text(
        "The subgraph shows {widget}, whose value is an object (a curve or a box), on its instance: editor {editor} "
        "fails to open such a graph, so it has no prompt for it."
    )
    remedy = Text("Compile with --editor 1.43, or remove {widget} from the subgraph's inputs and promoted widgets.")


class SubgraphPassesThrough(Diagnostic):
    """A subgraph that links one of its inputs directly to an output: the editor fails to make a prompt of it."""

    code = "subgraph-passes-through"
    subgraph: str
    output: str

    reason = Text(
        'The subgraph "{subgraph}" links an input directly to its output {output}, with no node between: the editor '
        "fails to make a prompt of it."
    )
    remedy = Text("Link the source of the subgraph input directly to the target of its output {output}.")
