"""What can be wrong between the annotation and its graph."""

from __future__ import annotations

import shlex

from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, Text, also
from comfy2runpod_contract.json_types import Json


def show_path(at: Locus) -> str:
    """The path of a note's `from` for a place."""
    return f'"{at.node}.{at.input}"'


class NothingThere(Diagnostic):
    """A path that does not name an input."""

    code = "annotation-names-nothing"
    path: str
    detail: str
    near: tuple[str, ...]

    reason = Text("{path} does not name anything in this graph: {detail}.")
    remedy = Text("{near:did_you_mean}A path is NODE.input (92:11.noise_seed) or a subgraph's own input (92.text).")


class InputIsLinked(Diagnostic):
    """A path to an input whose value comes over a link: feeding it would cut the link."""

    code = "annotated-input-is-linked"
    path: str
    origin: Locus = also("the link comes from here")

    reason = Text("{path} gets its value over a link from node {origin.node}, so a field cannot feed it.")
    remedy = Text("Feed an input of the node that the link comes from ({origin.node}), or remove the link.")


class UnsuitableInput(Diagnostic):
    """An input of a type that no field has."""

    code = "unsuitable-input"
    path: str
    type: str
    kinds: tuple[str, ...]

    reason = Text("{path} has the type {type}, which no field can feed.")
    remedy = Text("Fields are of these kinds: {kinds:list}.")


class ExposedInputOmitted(Diagnostic):
    """An exposed input that cannot be a field, in a graph without a note."""

    severity = Severity.WARNING
    code = "exposed-input-omitted"
    path: str
    why: str

    reason = Text("{path} is exposed, but {why}: the endpoint has no such field, and the saved value stays.")
    remedy = Text("List the wanted fields in a note (comfy2runpod annotate): then only those are made.")


class DifferentKinds(Diagnostic):
    """One field for inputs that take different kinds of values."""

    code = "field-of-two-kinds"
    field: str
    kinds: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return f"The field {self.field} feeds inputs of different kinds: {'; '.join(self.kinds)}."

    remedy = Text("Make a separate field for each kind.")


class BadExpression(Diagnostic):
    """An `as:` that is not an allowed arithmetic expression."""

    code = "bad-expression"
    text: str
    problem: str

    reason = Text("`{text:short}`: {problem}.")
    remedy = Text(
        "Use the field's name, whole numbers, + - * // % and round_up, round_down, min, max with two arguments, on a "
        "whole-number field."
    )


class BoundWidened(Diagnostic):
    """A bound in the note that allows more than an input does."""

    code = "bound-widened"
    field: str
    bound: str
    value: Json
    allowed: Json
    input_path: str

    reason = Text("{field}: {bound} {value:json} goes beyond {allowed:json}, which {input_path} allows.")
    remedy = Text("Set {bound} to {allowed:json} or within: a note can narrow what a node allows, but not widen it.")


class ExpressionOutOfBounds(Diagnostic):
    """An allowed value of the field for which the expression gives a value that the input does not allow."""

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
        few = "" if self.proved else " until its values can be checked one by one"
        return f"Narrow the field by min and max{few}, or change the expression."


class UnsuitableKey(Diagnostic):
    """A key in the note that does not apply to a field of this kind."""

    code = "unsuitable-key"
    field: str
    key: str
    kind: str
    allowed: tuple[str, ...]

    reason = Text("{field}: {key} does not apply to a field of the kind {kind}.")
    remedy = Text("Remove it. Besides title, description and required, such a field has {allowed:list}.")


class FileNotFed(Diagnostic):
    """A file on the author's machine that no field replaces, though one could: no worker has it."""

    code = "file-not-fed"
    value: Json
    kind: str

    reason = Text(
        "It reads the {kind} {value:json}, which exists only on the author's machine, and no field in the note "
        "replaces it: every job would fail."
    )

    @Text
    def remedy(self) -> str:
        given = shlex.quote(f"{self.kind}={self.at.node}.{self.at.input}")
        return (
            f"Make a field of it in the note ({self.kind}: {{from: {show_path(self.at)}}}; `annotate` takes --input "
            f"{given}), or bypass or remove the node. Without `inputs` in the note, every such {self.kind} becomes a "
            "field by itself."
        )


class FileNotInPackage(Diagnostic):
    """A file on the author's machine, of a kind that no field can feed yet."""

    severity = Severity.WARNING
    code = "file-not-in-package"
    value: Json
    folder: str

    reason = Text(
        "It reads the file {value:json} from ComfyUI's {folder} folder. No field can feed it yet, and the package does "
        "not contain it."
    )
    remedy = Text(
        "Bypass or remove the node, or build an image on top of the package's own that adds the file (FROM it, COPY "
        "into /opt/comfyui/{folder}/)."
    )


class BadFieldValue(Diagnostic):
    """A default, a bound or a choice that is not valid for the field."""

    code = "bad-field-value"
    field: str
    key: str
    value: Json
    expected: str

    reason = Text("{field}: {key} is {value:json}; expected {expected}.")
    remedy = Text("Correct `{key}` of this field in the note, or the value in the graph from which it is taken.")


class BadName(Diagnostic):
    """A name that cannot be used in the generated code."""

    code = "bad-name"
    name: str
    what: str

    reason = Text(
        "{name:json} cannot be the name of {what}. A name has lower case letters, digits and _, a letter first, and "
        "100 characters at most; it is not a reserved word of Python, pydantic or JavaScript, is not one that every "
        "request or answer has, and is used once."
    )
    remedy = Text("Choose another name.")


class NamesOfOneFile(Diagnostic):
    """An output named as a file of another output, which is a list."""

    code = "names-of-one-file"
    output: str
    of: str

    reason = Text(
        "Clients would save {output} under the name of a file of {of}, whose files are {of}_01, {of}_02 and so on."
    )
    remedy = Text("Choose another name for one of the two outputs.")


class TooManyNames(Diagnostic):
    """More fields or outputs than an interface can have."""

    code = "too-many-names"
    what: str
    limit: int

    reason = Text("There would be more than {limit:,} {what}, which is more than an interface can have.")
    remedy = Text("List those that callers need under `{what}` in the note, {limit:,} at most.")


# For an output node of a pack.
_DECLARE = "If a class of a node pack saves files, declare it in a file of facts beside the graph: docs/node-facts.md."


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
        return f"The output {self.output} names {self.found}, which saves no media. Nodes that save media: {there}."

    @Text
    def remedy(self) -> str:
        more = f" {_DECLARE}" if self.may_save else ""
        return f"Name one of these nodes, or add a Save node after the result.{more}"


class NoOutput(Diagnostic):
    """A graph without a node that saves media."""

    code = "no-output"
    save_classes: tuple[str, ...]
    may_save: tuple[str, ...] = ()

    @Text
    def reason(self) -> str:
        known = ", ".join(self.save_classes)
        return f"No node that runs saves media, so the endpoint would return nothing. Classes that save: {known}."

    @Text
    def remedy(self) -> str:
        more = f" The outputs of {', '.join(self.may_save)} are not known. {_DECLARE}" if self.may_save else ""
        return f"Add a Save node, or enable one that is muted or bypassed.{more}"


class UnknownGpuPool(Diagnostic):
    """A GPU pool that RunPod does not have."""

    code = "unknown-gpu-pool"
    pool: str
    near: tuple[str, ...]
    known: tuple[str, ...]

    reason = Text("RunPod has no GPU pool {pool}; it has {known:list}.")
    remedy = Text("{near:did_you_mean}Correct `runpod.gpu` in the note.")
