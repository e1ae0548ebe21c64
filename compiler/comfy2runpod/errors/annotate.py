"""What can be wrong with a change of the note."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, did_you_mean


@dataclass(frozen=True, kw_only=True)
class NothingToRemove(Diagnostic):
    """A key that is to go and is not in the note."""

    code: ClassVar[str] = "nothing-to-remove"
    key: str
    near: tuple[str, ...]
    known: tuple[str, ...]

    @property
    def reason(self) -> str:
        """What is there."""
        return f"The note has no {self.key}; there it has: {', '.join(self.known) or 'nothing'}."

    @property
    def remedy(self) -> str:
        """The nearest."""
        return f"{did_you_mean(self.near)}Name what is to go as the note has it, such as inputs.prompt."


@dataclass(frozen=True, kw_only=True)
class CannotChangeNote(Diagnostic):
    """A note that is written in a way that cannot be changed in place."""

    code: ClassVar[str] = "cannot-change-note"
    problem: str

    @property
    def reason(self) -> str:
        """What stands in the way."""
        return f"The note cannot be changed: {self.problem}."

    @property
    def remedy(self) -> str:
        """Change it by hand."""
        return (
            "Change the note in ComfyUI, or take out what is unusual about its YAML (anchors, tags, one-line blocks)."
        )


@dataclass(frozen=True, kw_only=True)
class NothingToAnnotate(Diagnostic):
    """A graph without nodes."""

    code: ClassVar[str] = "nothing-to-annotate"

    @property
    def reason(self) -> str:
        """What is missing."""
        return "The graph has no nodes: there is nothing that a note could speak of."

    @property
    def remedy(self) -> str:
        """Give another."""
        return "Give the graph as ComfyUI saves it (Workflow > Save)."
