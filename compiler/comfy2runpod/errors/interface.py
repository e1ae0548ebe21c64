"""What can be wrong between the annotation and the graph that it speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, did_you_mean, shorten, show
from comfy2runpod.ir.json import Json


def show_path(at: Locus) -> str:
    """The path of a note's `from` for a place."""
    return f'"{at.node}.{at.input}"'


@dataclass(frozen=True, kw_only=True)
class NothingThere(Diagnostic):
    """A path that names no input."""

    code: ClassVar[str] = "annotation-names-nothing"
    path: str
    detail: str
    near: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The path and what fails about it."""
        return f"{self.path} names nothing in this graph: {self.detail}."

    @property
    def remedy(self) -> str:
        """The nearest names."""
        return f"{did_you_mean(self.near)}A path is NODE.input (92:11.noise_seed) or a subgraph's own input (92.text)."


@dataclass(frozen=True, kw_only=True)
class InputIsLinked(Diagnostic):
    """A path to an input whose value comes over a link: writing it would cut the link."""

    code: ClassVar[str] = "annotated-input-is-linked"
    path: str
    origin: str

    @property
    def reason(self) -> str:
        """Where the value comes from."""
        return f"{self.path} takes its value over a link from {self.origin}; a field cannot feed it."

    @property
    def remedy(self) -> str:
        """Feed the origin."""
        return f"Feed the node that the link comes from ({self.origin}), or remove the link."


@dataclass(frozen=True, kw_only=True)
class UnsuitableInput(Diagnostic):
    """An input of a type that no field has."""

    code: ClassVar[str] = "unsuitable-input"
    path: str
    type: str

    @property
    def reason(self) -> str:
        """The type."""
        return f"{self.path} has the type {self.type}, which no field can feed."

    @property
    def remedy(self) -> str:
        """What can be fed."""
        return "A field feeds an integer, a number, a text, a choice, a switch or an image."


@dataclass(frozen=True, kw_only=True)
class ExposedInputOmitted(Diagnostic):
    """An input that the author exposed, without a note that makes a field of it, and no field can be made of."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "exposed-input-omitted"
    path: str
    why: str

    @property
    def reason(self) -> str:
        """What stands in the way, and what follows."""
        return f"{self.path} is exposed, but {self.why}: the endpoint has no such field, the saved value stays."

    @property
    def remedy(self) -> str:
        """Say the fields."""
        return "Name the fields that are wanted in a note (comfy2runpod annotate): then only those are made."


@dataclass(frozen=True, kw_only=True)
class DifferentKinds(Diagnostic):
    """One field for inputs that take different kinds of values."""

    code: ClassVar[str] = "field-of-two-kinds"
    field: str
    kinds: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The kinds."""
        return f"The field {self.field} feeds inputs of different kinds: {'; '.join(self.kinds)}."

    @property
    def remedy(self) -> str:
        """Split it."""
        return "Make a field of each kind."


@dataclass(frozen=True, kw_only=True)
class BadExpression(Diagnostic):
    """An `as:` that is not the arithmetic it may be."""

    code: ClassVar[str] = "bad-expression"
    text: str
    problem: str

    @property
    def reason(self) -> str:
        """The part that is wrong."""
        return f"`{shorten(self.text)}`: {self.problem}."

    @property
    def remedy(self) -> str:
        """What is allowed."""
        return (
            "Use the field's name, whole numbers, + - * // % and round_up, round_down, min, max with two arguments, "
            "on a whole-number field."
        )


@dataclass(frozen=True, kw_only=True)
class BoundWidened(Diagnostic):
    """A bound in the note that goes beyond what an input allows."""

    code: ClassVar[str] = "bound-widened"
    field: str
    bound: str
    value: Json
    allowed: Json
    input_path: str

    @property
    def reason(self) -> str:
        """Both bounds and whose they are."""
        return (
            f"{self.field}: {self.bound} {show(self.value)} goes beyond {show(self.allowed)}, "
            f"which {self.input_path} allows."
        )

    @property
    def remedy(self) -> str:
        """Narrow it."""
        return (
            f"Set {self.bound} to {show(self.allowed)} or within: a note narrows what a node allows, never widens it."
        )


@dataclass(frozen=True, kw_only=True)
class ExpressionOutOfBounds(Diagnostic):
    """An allowed value of the field whose transformation an input does not allow."""

    code: ClassVar[str] = "expression-out-of-bounds"
    field: str
    values: str
    proved: bool
    result: str
    allowed: str
    input_path: str

    @property
    def reason(self) -> str:
        """The value, what it becomes, and what is allowed."""
        return (
            f"{self.field} = {self.values} is allowed, but becomes {self.result} for {self.input_path}, "
            f"which takes {self.allowed}."
        )

    @property
    def remedy(self) -> str:
        """Narrow the field."""
        few = "" if self.proved else " so far that its values can be tried one by one"
        return f"Narrow the field by min and max{few}, or change the expression."


@dataclass(frozen=True, kw_only=True)
class UnsuitableKey(Diagnostic):
    """A key in the note that says nothing of a field of that kind."""

    code: ClassVar[str] = "unsuitable-key"
    field: str
    key: str
    kind: str
    allowed: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The key and the kind."""
        return f"{self.field}: {self.key} says nothing of a field of the kind {self.kind}."

    @property
    def remedy(self) -> str:
        """What can be said."""
        return f"Remove it. Beside title, description and required, there are {', '.join(self.allowed)}."


@dataclass(frozen=True, kw_only=True)
class ImageNotFed(Diagnostic):
    """An image of the author's that no field replaces: no worker has it."""

    code: ClassVar[str] = "image-not-fed"
    value: Json

    @property
    def reason(self) -> str:
        """The image, and where it is."""
        return (
            f"It reads the image {show(self.value)}, which is only on the author's machine, and no field of the note "
            "feeds it: every job would fail."
        )

    @property
    def remedy(self) -> str:
        """Make a field of it, or do without it."""
        return (
            f"Make a field of it in the note (image: {{from: {show_path(self.at)}}}), or bypass or remove the node. "
            "Without `inputs` in the note, every such image becomes a field by itself."
        )


@dataclass(frozen=True, kw_only=True)
class FileNotInPackage(Diagnostic):
    """A file of the author's, of a kind that no field can feed yet."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: ClassVar[str] = "file-not-in-package"
    value: Json
    folder: str

    @property
    def reason(self) -> str:
        """The file and where it is looked for."""
        return (
            f"It reads the file {show(self.value)} from ComfyUI's {self.folder} folder. No field can feed it yet, and "
            "the package does not hold it."
        )

    @property
    def remedy(self) -> str:
        """Bring it."""
        return (
            "Bypass or remove the node, or build an image from the package's own that adds the file (FROM it, COPY "
            f"into /opt/comfyui/{self.folder}/)."
        )


@dataclass(frozen=True, kw_only=True)
class BadFieldValue(Diagnostic):
    """A default, a bound or a choice that does not suit the field."""

    code: ClassVar[str] = "bad-field-value"
    field: str
    key: str
    value: Json
    expected: str

    @property
    def reason(self) -> str:
        """The value and what is expected."""
        return f"{self.field}: {self.key} is {show(self.value)}; expected {self.expected}."

    @property
    def remedy(self) -> str:
        """Correct it."""
        return f"Correct `{self.key}` of this field in the note, or the value in the graph that it stands for."


@dataclass(frozen=True, kw_only=True)
class BadName(Diagnostic):
    """A name that cannot be one in the generated code."""

    code: ClassVar[str] = "bad-name"
    name: str
    what: str

    @property
    def reason(self) -> str:
        """What a name may be."""
        return (
            f"{show(self.name)} cannot be the name of {self.what}: lower case letters, digits and _, a letter first, "
            "100 characters at most, no word that Python, pydantic or JavaScript keeps for itself, none that every "
            "request or answer has, and each name once."
        )

    @property
    def remedy(self) -> str:
        """Choose another."""
        return "Choose another name."


@dataclass(frozen=True, kw_only=True)
class TooManyNames(Diagnostic):
    """More fields or outputs than anybody calls an endpoint with."""

    code: ClassVar[str] = "too-many-names"
    what: str
    limit: int

    @property
    def reason(self) -> str:
        """The limit."""
        return f"There would be more than {self.limit:,} {self.what}, which is more than an interface can have."

    @property
    def remedy(self) -> str:
        """Choose some."""
        return f"List those that callers need under `{self.what}` in the note; it names {self.limit:,} at most."


@dataclass(frozen=True, kw_only=True)
class NotASaveNode(Diagnostic):
    """An output that names a node which saves no media."""

    code: ClassVar[str] = "not-a-save-node"
    output: str
    found: str
    save_nodes: tuple[str, ...]

    @property
    def reason(self) -> str:
        """What the node is, and which save."""
        there = ", ".join(self.save_nodes) or "none"
        return f"The output {self.output} names {self.found}, which saves no media. Nodes that do: {there}."

    @property
    def remedy(self) -> str:
        """Name one."""
        return "Name one of these nodes, or put a Save node behind the result."


@dataclass(frozen=True, kw_only=True)
class NoOutput(Diagnostic):
    """A graph without a node that saves media."""

    code: ClassVar[str] = "no-output"
    save_classes: tuple[str, ...]

    @property
    def reason(self) -> str:
        """What counts as an output."""
        known = ", ".join(self.save_classes)
        return f"No node that runs saves media, so the endpoint would answer nothing. Nodes that save: {known}."

    @property
    def remedy(self) -> str:
        """Add one."""
        return "Add a Save node, or switch the one that is muted or bypassed back on."


@dataclass(frozen=True, kw_only=True)
class UnknownGpuPool(Diagnostic):
    """A GPU pool that RunPod does not have."""

    code: ClassVar[str] = "unknown-gpu-pool"
    pool: str
    near: tuple[str, ...]
    known: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The pools there are."""
        return f"RunPod has no GPU pool {self.pool}; it has {', '.join(self.known)}."

    @property
    def remedy(self) -> str:
        """The nearest."""
        return f"{did_you_mean(self.near)}Correct `runpod.gpu` in the note."
