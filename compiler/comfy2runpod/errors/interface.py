"""What can be wrong between the annotation and the graph that it speaks of."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, Text, also
from comfy2runpod.ir.json import Json


def show_path(at: Locus) -> str:
    """The path of a note's `from` for a place."""
    return f'"{at.node}.{at.input}"'


class NothingThere(Diagnostic):
    """A path that names no input."""

    code = "annotation-names-nothing"
    path: str
    detail: str
    near: tuple[str, ...]

    reason = Text("{path} names nothing in this graph: {detail}.")
    remedy = Text("{near:did_you_mean}A path is NODE.input (92:11.noise_seed) or a subgraph's own input (92.text).")


class InputIsLinked(Diagnostic):
    """A path to an input whose value comes over a link: writing it would cut the link."""

    code = "annotated-input-is-linked"
    path: str
    origin: Locus = also("the link comes from here")

    reason = Text("{path} takes its value over a link from {origin.node}; a field cannot feed it.")
    remedy = Text("Feed the node that the link comes from ({origin.node}), or remove the link.")


class UnsuitableInput(Diagnostic):
    """An input of a type that no field has."""

    code = "unsuitable-input"
    path: str
    type: str

    reason = Text("{path} has the type {type}, which no field can feed.")
    remedy = Text("A field feeds an integer, a number, a text, a choice, a switch or an image.")


class ExposedInputOmitted(Diagnostic):
    """An input that the author exposed, without a note that makes a field of it, and no field can be made of."""

    severity = Severity.WARNING
    code = "exposed-input-omitted"
    path: str
    why: str

    reason = Text("{path} is exposed, but {why}: the endpoint has no such field, the saved value stays.")
    remedy = Text("Name the fields that are wanted in a note (comfy2runpod annotate): then only those are made.")


class DifferentKinds(Diagnostic):
    """One field for inputs that take different kinds of values."""

    code = "field-of-two-kinds"
    field: str
    kinds: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return f"The field {self.field} feeds inputs of different kinds: {'; '.join(self.kinds)}."

    remedy = Text("Make a field of each kind.")


class BadExpression(Diagnostic):
    """An `as:` that is not the arithmetic it may be."""

    code = "bad-expression"
    text: str
    problem: str

    reason = Text("`{text:short}`: {problem}.")
    remedy = Text(
        "Use the field's name, whole numbers, + - * // % and round_up, round_down, min, max with two arguments, on a "
        "whole-number field."
    )


class BoundWidened(Diagnostic):
    """A bound in the note that goes beyond what an input allows."""

    code = "bound-widened"
    field: str
    bound: str
    value: Json
    allowed: Json
    input_path: str

    reason = Text("{field}: {bound} {value:json} goes beyond {allowed:json}, which {input_path} allows.")
    remedy = Text("Set {bound} to {allowed:json} or within: a note narrows what a node allows, never widens it.")


class ExpressionOutOfBounds(Diagnostic):
    """An allowed value of the field whose transformation an input does not allow."""

    code = "expression-out-of-bounds"
    field: str
    values: str
    proved: bool
    result: str
    allowed: str
    input_path: str

    reason = Text("{field} = {values} is allowed, but becomes {result} for {input_path}, which takes {allowed}.")

    @Text
    def remedy(self) -> str:
        few = "" if self.proved else " so far that its values can be tried one by one"
        return f"Narrow the field by min and max{few}, or change the expression."


class UnsuitableKey(Diagnostic):
    """A key in the note that says nothing of a field of that kind."""

    code = "unsuitable-key"
    field: str
    key: str
    kind: str
    allowed: tuple[str, ...]

    reason = Text("{field}: {key} says nothing of a field of the kind {kind}.")
    remedy = Text("Remove it. Beside title, description and required, there are {allowed:list}.")


class ImageNotFed(Diagnostic):
    """An image of the author's that no field replaces: no worker has it."""

    code = "image-not-fed"
    value: Json

    reason = Text(
        "It reads the image {value:json}, which is only on the author's machine, and no field of the note feeds it: "
        "every job would fail."
    )

    @Text
    def remedy(self) -> str:
        return (
            f"Make a field of it in the note (image: {{from: {show_path(self.at)}}}), or bypass or remove the node. "
            "Without `inputs` in the note, every such image becomes a field by itself."
        )


class FileNotInPackage(Diagnostic):
    """A file of the author's, of a kind that no field can feed yet."""

    severity = Severity.WARNING
    code = "file-not-in-package"
    value: Json
    folder: str

    reason = Text(
        "It reads the file {value:json} from ComfyUI's {folder} folder. No field can feed it yet, and the package does "
        "not hold it."
    )
    remedy = Text(
        "Bypass or remove the node, or build an image from the package's own that adds the file (FROM it, COPY into "
        "/opt/comfyui/{folder}/)."
    )


class BadFieldValue(Diagnostic):
    """A default, a bound or a choice that does not suit the field."""

    code = "bad-field-value"
    field: str
    key: str
    value: Json
    expected: str

    reason = Text("{field}: {key} is {value:json}; expected {expected}.")
    remedy = Text("Correct `{key}` of this field in the note, or the value in the graph that it stands for.")


class BadName(Diagnostic):
    """A name that cannot be one in the generated code."""

    code = "bad-name"
    name: str
    what: str

    reason = Text(
        "{name:json} cannot be the name of {what}: lower case letters, digits and _, a letter first, 100 characters at "
        "most, no word that Python, pydantic or JavaScript keeps for itself, none that every request or answer has, "
        "and each name once."
    )
    remedy = Text("Choose another name.")


class TooManyNames(Diagnostic):
    """More fields or outputs than anybody calls an endpoint with."""

    code = "too-many-names"
    what: str
    limit: int

    reason = Text("There would be more than {limit:,} {what}, which is more than an interface can have.")
    remedy = Text("List those that callers need under `{what}` in the note; it names {limit:,} at most.")


# To an output node of a pack.
_TELL_IT = "If a node pack's class saves files, say so in a file of facts beside the graph: docs/node-facts.md."


class NotASaveNode(Diagnostic):
    """An output that names a node which saves no media."""

    code = "not-a-save-node"
    output: str
    found: str
    save_nodes: tuple[str, ...]
    may_save: bool = False

    @Text
    def reason(self) -> str:
        there = ", ".join(self.save_nodes) or "none"
        return f"The output {self.output} names {self.found}, which saves no media. Nodes that do: {there}."

    @Text
    def remedy(self) -> str:
        more = f" {_TELL_IT}" if self.may_save else ""
        return f"Name one of these nodes, or put a Save node behind the result.{more}"


class NoOutput(Diagnostic):
    """A graph without a node that saves media."""

    code = "no-output"
    save_classes: tuple[str, ...]
    may_save: tuple[str, ...] = ()

    @Text
    def reason(self) -> str:
        known = ", ".join(self.save_classes)
        return f"No node that runs saves media, so the endpoint would answer nothing. Nodes that save: {known}."

    @Text
    def remedy(self) -> str:
        more = f" Of {', '.join(self.may_save)} nothing tells what they save. {_TELL_IT}" if self.may_save else ""
        return f"Add a Save node, or switch the one that is muted or bypassed back on.{more}"


class UnknownGpuPool(Diagnostic):
    """A GPU pool that RunPod does not have."""

    code = "unknown-gpu-pool"
    pool: str
    near: tuple[str, ...]
    known: tuple[str, ...]

    reason = Text("RunPod has no GPU pool {pool}; it has {known:list}.")
    remedy = Text("{near:did_you_mean}Correct `runpod.gpu` in the note.")
