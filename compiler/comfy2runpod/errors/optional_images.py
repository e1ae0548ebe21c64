"""What can be wrong with what the note says of an image that may be omitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, did_you_mean


def _without(fields: tuple[str, ...]) -> str:
    return " and ".join(fields)


@dataclass(frozen=True, kw_only=True)
class ImageNotRequired(Diagnostic):
    """An image that a caller may leave out, and nothing said of what then happens."""

    code: ClassVar[str] = "image-not-required"
    field: str

    @property
    def reason(self) -> str:
        """There would be nothing in its place."""
        return (
            f"{self.field} is an image with `required: false`, and the note does not say what happens without it: the "
            "file that the graph names is only on its author's machine."
        )

    @property
    def remedy(self) -> str:
        """Name the nodes, or require it."""
        return (
            "Name the nodes to bypass where it is omitted, as Ctrl+B would (`bypass: [12, 30:5]`), or remove "
            "`required: false`."
        )


@dataclass(frozen=True, kw_only=True)
class BypassNamesNothing(Diagnostic):
    """A path in `bypass` that is no node that runs."""

    code: ClassVar[str] = "bypass-names-nothing"
    path: str
    near: tuple[str, ...]

    @property
    def reason(self) -> str:
        """What is not there."""
        return f"There is no node {self.path} that runs, so there is nothing to bypass."

    @property
    def remedy(self) -> str:
        """The nearest, and what is expected."""
        return f"{did_you_mean(self.near)}Name a node by its id (12), or by its path inside a subgraph (30:5)."


@dataclass(frozen=True, kw_only=True)
class BypassedTwice(Diagnostic):
    """A node that two images bypass, or that stands inside a subgraph which is bypassed as a whole."""

    code: ClassVar[str] = "bypassed-twice"
    path: str
    other: str
    other_field: str

    @property
    def reason(self) -> str:
        """Both mentions."""
        what = "it" if self.path == self.other else f"node {self.other}, which it belongs to,"
        return (
            f"Node {self.path} is to be bypassed, and {what} stands in the `bypass` of {self.other_field} already: "
            "whether it runs where only one of the two is omitted would be a guess."
        )

    @property
    def remedy(self) -> str:
        """Name it once."""
        return "Name each node once, under the one image that it cannot run without."


@dataclass(frozen=True, kw_only=True)
class BypassShared(Diagnostic):
    """A node of a subgraph that has other instances, in which it would be bypassed too."""

    code: ClassVar[str] = "bypass-shared"
    path: str
    others: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The same node elsewhere."""
        return (
            f"Node {self.path} stands in a subgraph with several instances. To bypass it in ComfyUI bypasses "
            f"{', '.join(self.others)} too, which the note does not name."
        )

    @property
    def remedy(self) -> str:
        """Name them, or part them."""
        return (
            "Name those as well, bypass the instance as a whole, or make a subgraph of its own of it (unpack the "
            "instance and convert its nodes to a subgraph)."
        )


@dataclass(frozen=True, kw_only=True)
class ImageStillNeeded(Diagnostic):
    """An image whose loader runs also without it."""

    code: ClassVar[str] = "image-still-needed"
    fields: tuple[str, ...]
    loader: str
    readers: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Who still reads it."""
        readers = f" It is read by {', '.join(self.readers)}." if self.readers else ""
        return (
            f"Without {_without(self.fields)}, with the nodes of `bypass` bypassed, an output still needs "
            f"{self.loader}, which has no file to read then.{readers}"
        )

    @property
    def remedy(self) -> str:
        """Bypass the readers, or require it."""
        return "Bypass what still reads it as well, or the loader itself, or remove `required: false`."


@dataclass(frozen=True, kw_only=True)
class OutputGoesToo(Diagnostic):
    """An output that is not made without an image."""

    code: ClassVar[str] = "output-goes-too"
    fields: tuple[str, ...]
    output: str
    node: str

    @property
    def reason(self) -> str:
        """The output and its node."""
        return f"Without {_without(self.fields)}, {self.node} does not run: the output {self.output} is not made then."

    @property
    def remedy(self) -> str:
        """Leave it out of the bypass."""
        return "Bypass nodes before the one that saves, or make a graph of its own for jobs without the image."


@dataclass(frozen=True, kw_only=True)
class RefusedWithout(Diagnostic):
    """A prompt without some images that ComfyUI would refuse."""

    code: ClassVar[str] = "refused-without-image"
    fields: tuple[str, ...]
    place: str
    why: str

    @property
    def reason(self) -> str:
        """Where and why."""
        return f"Without {_without(self.fields)}, with the nodes of `bypass` bypassed: {self.place}: {self.why}"

    @property
    def remedy(self) -> str:
        """Bypass more, or less."""
        return (
            "Bypass this node too, or others than those named: a bypassed node passes on an input of the type that "
            "is asked for, and nothing if it has none. Press Ctrl+B on them in ComfyUI to see what remains."
        )


@dataclass(frozen=True, kw_only=True)
class TooMuchToLeaveOut(Diagnostic):
    """Optional images of a graph so large that its prompt without them is not made for every combination."""

    code: ClassVar[str] = "too-much-to-leave-out"
    count: int
    nodes: int
    limit: int

    @property
    def reason(self) -> str:
        """The numbers and the limit."""
        made = 2**self.count - 1
        return (
            f"{self.count} {'image' if self.count == 1 else 'images'} may be omitted of a graph of "
            f"{self.nodes:,} nodes: the prompt of every combination is made and checked, {made * self.nodes:,} nodes "
            f"for {made}, and {self.limit:,} are at most."
        )

    @property
    def remedy(self) -> str:
        """Require some, or have fewer nodes."""
        return "Remove `required: false` from some of them, or take out of the graph what no output needs."


@dataclass(frozen=True, kw_only=True)
class TooManyOptional(Diagnostic):
    """More optional images than there are combinations to look through."""

    code: ClassVar[str] = "too-many-optional"
    count: int
    limit: int

    @property
    def reason(self) -> str:
        """The number and the limit."""
        return (
            f"{self.count} images may be omitted; at most {self.limit} may, because the prompt of every combination "
            "is made and checked."
        )

    @property
    def remedy(self) -> str:
        """Require some."""
        return "Remove `required: false` from some of them."
