"""What can be wrong with a change of the note."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text


class NothingToRemove(Diagnostic):
    """A key that is to be removed and is not in the note."""

    code = "nothing-to-remove"
    key: str
    near: tuple[str, ...]
    known: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return f"The note has no {self.key}; it has: {', '.join(self.known) or 'nothing'}."

    remedy = Text("{near:did_you_mean}Name the key as the note has it, such as inputs.prompt.")


class CannotChangeNote(Diagnostic):
    """A note whose YAML cannot be changed in place."""

    code = "cannot-change-note"
    problem: str

    reason = Text("The note cannot be changed: {problem}.")
    remedy = Text("Change the note in ComfyUI, or remove unusual YAML from it (anchors, tags, one-line blocks).")


class NothingToAnnotate(Diagnostic):
    """A graph without nodes."""

    code = "nothing-to-annotate"

    reason = Text("The graph has no nodes, so there is nothing to annotate.")
    remedy = Text("Use the graph as ComfyUI saves it (Workflow > Save).")
