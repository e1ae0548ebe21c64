"""What can be wrong with what the note says of a file of the caller's that may be omitted: an image, a video."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Text, all_of, also


class FileNotRequired(Diagnostic):
    """A file that callers may omit, without instructions for that case."""

    code = "file-not-required"
    field: str
    kind: str

    reason = Text(
        "The {kind} field {field} has `required: false`, and the note does not say what happens without it: the file "
        "that the graph names exists only on its author's machine."
    )
    remedy = Text(
        "Name the nodes to bypass if it is omitted, as Ctrl+B would (`bypass: [12, 30:5]`), or remove `required: "
        "false`."
    )


class BypassNamesNothing(Diagnostic):
    """A path in `bypass` that is not a node that runs."""

    code = "bypass-names-nothing"
    path: str
    near: tuple[str, ...]

    reason = Text("There is no node {path} that runs, so there is nothing to bypass.")
    remedy = Text("{near:did_you_mean}Name a node by its id (12), or by its path inside a subgraph (30:5).")


class BypassedTwice(Diagnostic):
    """A node that two fields bypass, or that is inside a subgraph which is bypassed itself."""

    code = "bypassed-twice"
    path: str
    other: str
    other_field: str
    other_at: Locus = also("the `bypass` of {other_field}")

    @Text
    def reason(self) -> str:
        what = "it" if self.path == self.other else f"node {self.other}, which it belongs to,"
        return (
            f"Node {self.path} is to be bypassed, and {what} is already in the `bypass` of {self.other_field}: "
            "it is not clear whether it runs if only one of the two is omitted."
        )

    remedy = Text("Name each node once, under the one field that it cannot run without.")


class BypassShared(Diagnostic):
    """A node of a subgraph that has other instances, in which it would be bypassed too."""

    code = "bypass-shared"
    path: str
    others: tuple[str, ...]

    reason = Text(
        "Node {path} is in a subgraph with several instances. Bypassing it in ComfyUI bypasses {others:list} too, "
        "which the note does not name."
    )
    remedy = Text(
        "Name those as well, bypass the instance as a whole, or give the instance a subgraph of its own (unpack it and "
        "convert its nodes to a subgraph)."
    )


class FileStillNeeded(Diagnostic):
    """A file whose loader would run even though the file is omitted."""

    code = "file-still-needed"
    fields: tuple[str, ...]
    loader: Locus = also("loads the file")
    readers: tuple[Locus, ...] = also("reads it")

    @Text
    def reason(self) -> str:
        readers = f" It is read by {', '.join(reader.node_name for reader in self.readers)}." if self.readers else ""
        return (
            f"Without {all_of(self.fields)}, with the nodes of `bypass` bypassed, an output still needs "
            f"{self.loader.node_name}, which then has no file to read.{readers}"
        )

    remedy = Text("Bypass the nodes that still read it as well, or the loader itself, or remove `required: false`.")


class OutputGoesToo(Diagnostic):
    """An output that is not made if a file is omitted."""

    code = "output-goes-too"
    fields: tuple[str, ...]
    output: str
    node: Locus = also("saves the output")

    reason = Text("Without {fields:and}, {node.node_name} does not run: the output {output} would be missing.")
    remedy = Text("Bypass only nodes before the one that saves, or make a separate graph for jobs without the file.")


class RefusedWithout(Diagnostic):
    """A prompt without some files that ComfyUI would refuse."""

    code = "refused-without-file"
    fields: tuple[str, ...]
    refused: Locus | None = also("refused")
    why: str

    @Text
    def reason(self) -> str:
        where = "the graph" if self.refused is None else self.refused.node_name
        if self.refused is not None and self.refused.input is not None:
            where += f", input {self.refused.input}"
        return f"Without {all_of(self.fields)}, with the nodes of `bypass` bypassed: {where}: {self.why}"

    remedy = Text(
        "Bypass this node too, or other nodes than those named: a bypassed node passes on an input of the type that is "
        "needed, and nothing if it has none. Press Ctrl+B on them in ComfyUI to see what remains."
    )


class TooMuchToLeaveOut(Diagnostic):
    """Optional files in a graph that is too large to make and check its prompt for every combination."""

    code = "too-much-to-leave-out"
    count: int
    nodes: int
    limit: int

    @Text
    def reason(self) -> str:
        made = 2**self.count - 1
        return (
            f"{self.count} {'file' if self.count == 1 else 'files'} may be omitted in a graph of "
            f"{self.nodes:,} nodes: a prompt is made and checked for each of the {made} combinations, "
            f"{made * self.nodes:,} nodes in all; the limit is {self.limit:,}."
        )

    remedy = Text("Remove `required: false` from some of them, or remove nodes that no output needs.")


class TooManyOptional(Diagnostic):
    """More optional files than combinations that can be checked."""

    code = "too-many-optional"
    count: int
    limit: int

    reason = Text(
        "{count} files may be omitted; the limit is {limit}, because the prompt of every combination is made and "
        "checked."
    )
    remedy = Text("Remove `required: false` from some of them.")
