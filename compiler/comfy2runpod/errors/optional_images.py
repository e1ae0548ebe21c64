"""What can be wrong with what the note says of an image that may be omitted."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Text, all_of, also


class ImageNotRequired(Diagnostic):
    """An image that a caller may leave out, and nothing said of what then happens."""

    code = "image-not-required"
    field: str

    reason = Text(
        "{field} is an image with `required: false`, and the note does not say what happens without it: the file that "
        "the graph names is only on its author's machine."
    )
    remedy = Text(
        "Name the nodes to bypass where it is omitted, as Ctrl+B would (`bypass: [12, 30:5]`), or remove `required: "
        "false`."
    )


class BypassNamesNothing(Diagnostic):
    """A path in `bypass` that is no node that runs."""

    code = "bypass-names-nothing"
    path: str
    near: tuple[str, ...]

    reason = Text("There is no node {path} that runs, so there is nothing to bypass.")
    remedy = Text("{near:did_you_mean}Name a node by its id (12), or by its path inside a subgraph (30:5).")


class BypassedTwice(Diagnostic):
    """A node that two images bypass, or that stands inside a subgraph which is bypassed as a whole."""

    code = "bypassed-twice"
    path: str
    other: str
    other_field: str
    other_at: Locus = also("the `bypass` of {other_field}")

    @Text
    def reason(self) -> str:
        what = "it" if self.path == self.other else f"node {self.other}, which it belongs to,"
        return (
            f"Node {self.path} is to be bypassed, and {what} stands in the `bypass` of {self.other_field} already: "
            "whether it runs where only one of the two is omitted would be a guess."
        )

    remedy = Text("Name each node once, under the one image that it cannot run without.")


class BypassShared(Diagnostic):
    """A node of a subgraph that has other instances, in which it would be bypassed too."""

    code = "bypass-shared"
    path: str
    others: tuple[str, ...]

    reason = Text(
        "Node {path} stands in a subgraph with several instances. To bypass it in ComfyUI bypasses {others:list} too, "
        "which the note does not name."
    )
    remedy = Text(
        "Name those as well, bypass the instance as a whole, or make a subgraph of its own of it (unpack the instance "
        "and convert its nodes to a subgraph)."
    )


class ImageStillNeeded(Diagnostic):
    """An image whose loader runs also without it."""

    code = "image-still-needed"
    fields: tuple[str, ...]
    loader: Locus = also("loads the image")
    readers: tuple[Locus, ...] = also("reads it")

    @Text
    def reason(self) -> str:
        readers = f" It is read by {', '.join(reader.node_name for reader in self.readers)}." if self.readers else ""
        return (
            f"Without {all_of(self.fields)}, with the nodes of `bypass` bypassed, an output still needs "
            f"{self.loader.node_name}, which has no file to read then.{readers}"
        )

    remedy = Text("Bypass what still reads it as well, or the loader itself, or remove `required: false`.")


class OutputGoesToo(Diagnostic):
    """An output that is not made without an image."""

    code = "output-goes-too"
    fields: tuple[str, ...]
    output: str
    node: Locus = also("saves the output")

    reason = Text("Without {fields:and}, {node.node_name} does not run: the output {output} is not made then.")
    remedy = Text("Bypass nodes before the one that saves, or make a graph of its own for jobs without the image.")


class RefusedWithout(Diagnostic):
    """A prompt without some images that ComfyUI would refuse."""

    code = "refused-without-image"
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
        "Bypass this node too, or others than those named: a bypassed node passes on an input of the type that is "
        "asked for, and nothing if it has none. Press Ctrl+B on them in ComfyUI to see what remains."
    )


class TooMuchToLeaveOut(Diagnostic):
    """Optional images of a graph so large that its prompt without them is not made for every combination."""

    code = "too-much-to-leave-out"
    count: int
    nodes: int
    limit: int

    @Text
    def reason(self) -> str:
        made = 2**self.count - 1
        return (
            f"{self.count} {'image' if self.count == 1 else 'images'} may be omitted of a graph of "
            f"{self.nodes:,} nodes: the prompt of every combination is made and checked, {made * self.nodes:,} nodes "
            f"for {made}, and {self.limit:,} are at most."
        )

    remedy = Text("Remove `required: false` from some of them, or take out of the graph what no output needs.")


class TooManyOptional(Diagnostic):
    """More optional images than there are combinations to look through."""

    code = "too-many-optional"
    count: int
    limit: int

    reason = Text(
        "{count} images may be omitted; at most {limit} may, because the prompt of every combination is made and "
        "checked."
    )
    remedy = Text("Remove `required: false` from some of them.")
