"""What can be wrong with a batch: its inputs, its folder, its endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, shorten


@dataclass(frozen=True, kw_only=True)
class BadLine(Diagnostic):
    """A line that is no input."""

    code: ClassVar[str] = "bad-line"
    problem: str

    @property
    def reason(self) -> str:
        """What it is."""
        return f"The line is no input: {self.problem}. Nothing was sent."

    @property
    def remedy(self) -> str:
        """What a line may be."""
        return (
            'Give one JSON object a line: an input, such as {"prompt": "a cat"}, '
            'or {"id": "cat-1", "input": {"prompt": "a cat"}}, and nothing beside these two keys.'
        )


@dataclass(frozen=True, kw_only=True)
class UnsafeId(Diagnostic):
    """An id that cannot be a folder's name everywhere."""

    code: ClassVar[str] = "unsafe-id"
    id: str

    @property
    def reason(self) -> str:
        """Which."""
        return f"The id {shorten(self.id)!r} cannot be the name of a folder everywhere. Nothing was sent."

    @property
    def remedy(self) -> str:
        """What an id may be."""
        return (
            "Use at most 100 letters, digits, dots, hyphens and underscores of ASCII, with a letter or digit first and "
            "no dot last; journal.jsonl is taken."
        )


@dataclass(frozen=True, kw_only=True)
class DuplicateId(Diagnostic):
    """Two lines with one id."""

    code: ClassVar[str] = "duplicate-id"
    id: str
    first: int

    @property
    def reason(self) -> str:
        """Where the other is."""
        return f"The id {self.id} is that of line {self.first:,} already, letters' case aside. Nothing was sent."

    @property
    def remedy(self) -> str:
        """What to change."""
        return "Give every line an id of its own. A line without one has its number as its id."


@dataclass(frozen=True, kw_only=True)
class NoInputs(Diagnostic):
    """A file without a line."""

    code: ClassVar[str] = "no-inputs"

    @property
    def reason(self) -> str:
        """That it is empty."""
        return "The file holds no input."

    @property
    def remedy(self) -> str:
        """What to give."""
        return "Give one JSON object a line."


@dataclass(frozen=True, kw_only=True)
class InputsChanged(Diagnostic):
    """A file that changed while its inputs were sent."""

    code: ClassVar[str] = "inputs-changed"

    @property
    def reason(self) -> str:
        """That it changed."""
        return "The file was changed after it had been checked; nothing more was sent."

    @property
    def remedy(self) -> str:
        """What goes on."""
        return (
            "Restore the file and run the same command again, or give the new inputs with another output folder (-o)."
        )


@dataclass(frozen=True, kw_only=True)
class PlaceTaken(Diagnostic):
    """A folder that holds something where a result would go."""

    code: ClassVar[str] = "place-taken"
    id: str

    @property
    def reason(self) -> str:
        """What is there."""
        return f"{self.id} is there already, and no journal says that a batch made it. Nothing was sent."

    @property
    def remedy(self) -> str:
        """Choose another."""
        return "Choose another output folder (-o), or another id for the input."


@dataclass(frozen=True, kw_only=True)
class OtherJournal(Diagnostic):
    """A journal of another batch."""

    code: ClassVar[str] = "other-journal"
    what: str
    theirs: str
    ours: str

    @property
    def reason(self) -> str:
        """What differs."""
        return f"The journal is of another batch: its {self.what} is {self.theirs}, not {self.ours}. Nothing was sent."

    @property
    def remedy(self) -> str:
        """What goes on, and what begins."""
        return "To go on, give what was given before, unchanged; to begin anew, choose another output folder (-o)."


@dataclass(frozen=True, kw_only=True)
class BrokenJournal(Diagnostic):
    """A journal that cannot be understood."""

    code: ClassVar[str] = "broken-journal"
    problem: str

    @property
    def reason(self) -> str:
        """What is wrong."""
        return f"The journal cannot be understood: {self.problem}. Nothing was sent."

    @property
    def remedy(self) -> str:
        """What to do."""
        return "Restore the file as a batch wrote it, or choose another output folder (-o) for a batch of its own."


@dataclass(frozen=True, kw_only=True)
class BatchRunning(Diagnostic):
    """A folder that another process works in."""

    code: ClassVar[str] = "batch-running"

    @property
    def reason(self) -> str:
        """That it is taken."""
        return "Another process is at work on this batch."

    @property
    def remedy(self) -> str:
        """Wait, or choose another."""
        return "Wait for its end or stop it, then run the same command again; or choose another output folder (-o)."


@dataclass(frozen=True, kw_only=True)
class CannotKeep(Diagnostic):
    """A result or a line of the journal that could not be written."""

    code: ClassVar[str] = "cannot-keep"
    problem: str

    @property
    def reason(self) -> str:
        """The system's reason."""
        return f"The batch's folder cannot be written: {self.problem}. Nothing more was sent."

    @property
    def remedy(self) -> str:
        """Make room, go on."""
        return (
            "Make room, or mend the folder's permissions; then run the same command again, within 30 minutes if you "
            "can: so long RunPod keeps the results of jobs that have ended."
        )


@dataclass(frozen=True, kw_only=True)
class EndpointRefused(Diagnostic):
    """An endpoint that takes no calls of ours."""

    code: ClassVar[str] = "endpoint-refused"
    problem: str
    what_to_do: str

    @property
    def reason(self) -> str:
        """What it said."""
        return f"The batch was stopped: {self.problem}. What was queued is in the journal, the rest stays unsent."

    @property
    def remedy(self) -> str:
        """What goes on."""
        return f"{self.what_to_do}; then run the same command again: it goes on where it stopped."
