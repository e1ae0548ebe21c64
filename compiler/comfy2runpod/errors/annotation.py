"""What can be wrong with the form of the note titled `comfy2runpod`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic, did_you_mean, shorten


@dataclass(frozen=True, kw_only=True)
class SeveralAnnotations(Diagnostic):
    """More than one note carries the title."""

    code: ClassVar[str] = "several-annotations"
    nodes: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Which notes."""
        return f"Nodes {', '.join(self.nodes)} are all notes titled comfy2runpod; one is expected."

    @property
    def remedy(self) -> str:
        """Keep one."""
        return "Put everything into one of them and retitle or remove the others."


@dataclass(frozen=True, kw_only=True)
class NotYaml(Diagnostic):
    """A note that cannot be read."""

    code: ClassVar[str] = "annotation-not-yaml"
    line: int
    problem: str

    @property
    def reason(self) -> str:
        """The line and the problem."""
        return f"The note is not YAML; line {self.line}: {self.problem}."

    @property
    def remedy(self) -> str:
        """Look at the usual cause."""
        return "Mend the line; a text that holds `: ` or starts with a special character needs quotes."


@dataclass(frozen=True, kw_only=True)
class UnknownKey(Diagnostic):
    """A key that means nothing."""

    code: ClassVar[str] = "unknown-annotation-key"
    key: str
    allowed: tuple[str, ...]
    near: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The key and what is known there."""
        return f"{self.key} is not a key here; known are {', '.join(self.allowed)}."

    @property
    def remedy(self) -> str:
        """The nearest."""
        return f"{did_you_mean(self.near)}Correct or remove the key."


@dataclass(frozen=True, kw_only=True)
class WrongForm(Diagnostic):
    """A value of the wrong form."""

    code: ClassVar[str] = "annotation-value"
    expected: str
    found: str

    @property
    def reason(self) -> str:
        """What is expected."""
        return f"Expected {self.expected}, found {shorten(self.found)}."

    @property
    def remedy(self) -> str:
        """Correct it."""
        return "Correct the value in the note."


@dataclass(frozen=True, kw_only=True)
class NothingFed(Diagnostic):
    """A field without a `from`."""

    code: ClassVar[str] = "field-feeds-nothing"
    field: str

    @property
    def reason(self) -> str:
        """What it lacks."""
        return f"The field {self.field} has no `from`: it would feed no input."

    @property
    def remedy(self) -> str:
        """Say where it goes."""
        return "Say which input it feeds, such as `from: 92.text`."
