"""What can be wrong with a change of the note."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text


class NothingToRemove(Diagnostic):
    """A key that is to go and is not in the note."""

    code = "nothing-to-remove"
    key: str
    near: tuple[str, ...]
    known: tuple[str, ...]

    @Text
    def reason(self) -> str:
        return f"The note has no {self.key}; there it has: {', '.join(self.known) or 'nothing'}."

    remedy = Text("{near:did_you_mean}Name what is to go as the note has it, such as inputs.prompt.")


class CannotChangeNote(Diagnostic):
    """A note that is written in a way that cannot be changed in place."""

    code = "cannot-change-note"
    problem: str

    reason = Text("The note cannot be changed: {problem}.")
    remedy = Text(
        "Change the note in ComfyUI, or take out what is unusual about its YAML (anchors, tags, one-line blocks)."
    )


class NothingToAnnotate(Diagnostic):
    """A graph without nodes."""

    code = "nothing-to-annotate"

    reason = Text("The graph has no nodes: there is nothing that a note could speak of.")
    remedy = Text("Give the graph as ComfyUI saves it (Workflow > Save).")
