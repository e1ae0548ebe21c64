"""Gathering what a stage finds, and stopping after a stage with errors."""

from __future__ import annotations

from collections.abc import Sequence

from comfy2runpod.diagnostics.diagnostic import Diagnostic, Severity, Text
from comfy2runpod.diagnostics.locus import Locus
from comfy2runpod.diagnostics.rendering import render

# No drawn graph has as many errors; a file with a hundred thousand is not a graph, and reporting all would take hours.
MOST_ERRORS = 1000


class CompileError(Exception):
    """A stage found errors; `diagnostics` has all that it found, in order."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = tuple(diagnostics)

    def __str__(self) -> str:
        return render(self.diagnostics)


class UnreachableError(Exception):
    """A file, a folder or a network that could not be reached; `diagnostic` says which and why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(render([diagnostic]))
        self.diagnostic = diagnostic


class TooManyErrors(Diagnostic):
    """A stage that found so many errors that it stopped."""

    code = "too-many-errors"

    reason = Text(f"{MOST_ERRORS:,} errors were found up to here; what comes after was not looked at.")
    remedy = Text("Start with the first error: if all are alike, they have one cause.")


class TooManyWarnings(Diagnostic):
    """Warnings that are not reported, because there are so many."""

    severity = Severity.WARNING
    code = "too-many-warnings"
    omitted: int

    reason = Text(f"There are {{omitted:,}} more warnings; {MOST_ERRORS:,} are told.")
    remedy = Text("Start with the first warning: if all are alike, they have one cause.")


class Collector:
    """Gathers a stage's diagnostics; `finish` stops the pipeline if there is an error among them."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []
        self._at: dict[Locus, list[Diagnostic]] = {}
        self._errors = 0
        self._warnings = 0

    def add(self, diagnostic: Diagnostic) -> None:
        """Adds a diagnostic, unless an equal one is there.

        Raises:
            CompileError: there are too many errors to go on.
        """
        is_error = diagnostic.severity is Severity.ERROR
        if not is_error and self._warnings >= MOST_ERRORS:
            self._warnings += 1
            return
        # A diagnostic may quote a value that does not hash; of those at one place there are few.
        there = self._at.setdefault(diagnostic.at, [])
        if diagnostic in there:
            return
        there.append(diagnostic)
        self._found.append(diagnostic)
        self._errors += is_error
        self._warnings += not is_error
        if self._errors == MOST_ERRORS:
            self._found.append(TooManyErrors(at=Locus(diagnostic.at.file)))
            self.finish()

    @property
    def all(self) -> tuple[Diagnostic, ...]:
        """Everything found so far, in order."""
        omitted = self._warnings - MOST_ERRORS
        if omitted <= 0:
            return tuple(self._found)
        return (*self._found, TooManyWarnings(at=Locus(self._found[0].at.file), omitted=omitted))

    @property
    def has_errors(self) -> bool:
        """Whether the pipeline must stop after this stage."""
        return self._errors > 0

    def finish(self) -> tuple[Diagnostic, ...]:
        """The warnings of a stage without errors.

        Raises:
            CompileError: there are errors; it carries everything that was found.
        """
        if self._found and self.has_errors:
            raise CompileError(self.all)
        return self.all
