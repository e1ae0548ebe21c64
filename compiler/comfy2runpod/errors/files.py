"""Files that cannot be read or written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from comfy2runpod.diagnostics import Diagnostic


@dataclass(frozen=True, kw_only=True)
class CannotRead(Diagnostic):
    """A file that cannot be read."""

    code: ClassVar[str] = "cannot-read"
    problem: str

    @property
    def reason(self) -> str:
        """The system's reason."""
        return f"The file cannot be read: {self.problem}."

    @property
    def remedy(self) -> str:
        """Check it."""
        return "Check the path and the file's permissions."


@dataclass(frozen=True, kw_only=True)
class CannotWrite(Diagnostic):
    """A folder or file that cannot be written."""

    code: ClassVar[str] = "cannot-write"
    problem: str

    @property
    def reason(self) -> str:
        """The system's reason."""
        return f"The place cannot be written: {self.problem}. Nothing was changed."

    @property
    def remedy(self) -> str:
        """Choose another."""
        return "Choose another output folder (-o), or change its permissions."
