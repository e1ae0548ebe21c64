"""What can be wrong with the form of the note titled `comfy2runpod`."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, Text, also


class SeveralAnnotations(Diagnostic):
    """More than one note has the title comfy2runpod."""

    code = "several-annotations"
    nodes: tuple[str, ...]
    others: tuple[Locus, ...] = also("has the same title")

    reason = Text("Nodes {nodes:list} are all notes titled comfy2runpod; one is expected.")
    remedy = Text("Put everything into one of them and rename or remove the others.")


class NotYaml(Diagnostic):
    """A note that is not YAML."""

    code = "annotation-not-yaml"
    line: int
    problem: str

    reason = Text("The note is not YAML; line {line}: {problem}.")
    remedy = Text("Correct the line; a text that contains `: ` or starts with a special character needs quotes.")


class UnknownKey(Diagnostic):
    """A key that is not known at its place."""

    code = "unknown-annotation-key"
    key: str
    allowed: tuple[str, ...]
    near: tuple[str, ...]

    reason = Text("{key} is not a known key here; known keys are {allowed:list}.")
    remedy = Text("{near:did_you_mean}Correct or remove the key.")


class WrongForm(Diagnostic):
    """A value of the wrong form."""

    code = "annotation-value"
    expected: str
    found: str

    reason = Text("Expected {expected}, found {found:short}.")
    remedy = Text("Correct the value in the note.")


class NothingFed(Diagnostic):
    """A field without a `from`."""

    code = "field-feeds-nothing"
    field: str

    reason = Text("The field {field} has no `from`, so it would feed no input.")
    remedy = Text("Name the input that it feeds, such as `from: 92.text`.")


class OutsideTheBlock(Diagnostic):
    """A second block in the note, or a key outside the block, neither of which is read."""

    severity = Severity.WARNING
    code = "outside-note-block"
    line: int
    # None for a second block.
    key: str | None

    @Text
    def reason(self) -> str:
        what = "a second block begins" if self.key is None else f"`{self.key}:` is outside the fenced block"
        return f"Line {self.line} of the note: {what}. Only the first fenced block is read; this has no effect."

    remedy = Text(
        "Move it into the block, between its two lines of ```; if it is prose, begin the line with another word."
    )
