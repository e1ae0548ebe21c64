"""--format: diagnostics as text while a command runs, or in a format for programs at its end.

In a format for programs, standard output has only the report; messages for people go to standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from comfy2runpod.cli.exits import REFUSED, UNREACHABLE
from comfy2runpod.cli.progress import Steps, progress
from comfy2runpod.cli.say import say
from comfy2runpod.cli.terminal import Terminal, terminal
from comfy2runpod.diagnostics import CompileError, Diagnostic, UnreachableError
from comfy2runpod.json_text import json_document
from comfy2runpod.report import diagnostics_json, github_commands, place, sarif_log
from comfy2runpod_contract.json_types import Json

FORMATS = ("text", "json", "sarif", "github")

Command = TypeVar("Command", bound=Callable[..., Any])


def format_option(command: Command) -> Command:
    """--format of the commands that print diagnostics."""
    return click.option(
        "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
        help="Diagnostics as text, or for programs on standard output (SARIF 2.1.0, GitHub annotations).",
    )(command)  # fmt: skip


class Reporter:
    """Collects the diagnostics of a command and prints its messages."""

    def __init__(self, form: str, terminal: Terminal) -> None:
        self.form = form
        self.terminal = terminal
        self.sources: dict[str, bytes] = {}
        self.refused = 0
        self._unreachable = 0
        self._found: list[Diagnostic] = []

    @property
    def is_text(self) -> bool:
        """Whether the format is text."""
        return self.form == "text"

    def add(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Adds diagnostics; in the text format they are printed at once."""
        fresh = tuple(diagnostics)
        if self.is_text and fresh:
            self.terminal.diagnose(fresh)
        self._found.extend(fresh)

    def say(self, text: str) -> None:
        """Prints what was done."""
        if self.terminal.quiet:
            return
        if self.is_text:
            self.terminal.result(text)
        else:
            self.terminal.tell(text)

    def progress(self, what: str, graphs: Sequence[Path]) -> AbstractContextManager[Steps]:
        """The progress of a command through its graphs."""
        return progress(self.terminal, what, len(graphs) if len(graphs) > 1 else None, "graphs")

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """For one of several graphs: its errors are collected, and the others continue."""
        try:
            yield
        except CompileError as error:
            self.add(error.diagnostics)
            self.refused += 1
        except UnreachableError as error:
            self.add([error.diagnostic])
            self._unreachable += 1

    def finish(self) -> None:
        """Ends the command with the matching exit code, if anything was refused."""
        if self._unreachable or self.refused:
            raise click.exceptions.Exit(UNREACHABLE if self._unreachable else REFUSED)

    @property
    def failed(self) -> int:
        """How many were refused or could not be reached."""
        return self.refused + self._unreachable

    def report(self, exit_code: int) -> str:
        """All diagnostics, in the format for programs."""
        placed = place(self._found, self.sources)
        match self.form:
            case "json":
                return diagnostics_json(placed)
            case "sarif":
                return sarif_log(placed, exit_code=exit_code)
            case "github":
                return github_commands(placed)
            case _:
                return ""


@contextmanager
def reporting(form: str, *, output_is_free: Callable[[], bool] = lambda: True) -> Iterator[Reporter]:
    """A reporter, whose report is printed when the command ends, however it ends.

    `output_is_free` is called at the end: if it is false, the report goes to standard error.
    """
    reporter = Reporter(form, terminal())
    code = 0
    try:
        yield reporter
    except CompileError as error:
        reporter.add(error.diagnostics)
        code = REFUSED
    except UnreachableError as error:
        reporter.add([error.diagnostic])
        code = UNREACHABLE
    except click.exceptions.Exit as error:
        code = error.exit_code
    if not reporter.is_text:
        say(reporter.report(code), nl=False, err=not output_is_free())
    if code:
        raise click.exceptions.Exit(code)


@contextmanager
def data_or_refusal(form: str) -> Iterator[None]:
    """For commands whose --format json prints their own object: if refused, it has only `diagnostics`."""
    try:
        yield
    except (CompileError, UnreachableError) as error:
        if form != "json":
            raise
        found = error.diagnostics if isinstance(error, CompileError) else (error.diagnostic,)
        refused: Json = {"diagnostics": [diagnostic.to_json() for diagnostic in found]}
        say(json_document(refused), nl=False)
        raise click.exceptions.Exit(REFUSED if isinstance(error, CompileError) else UNREACHABLE) from None


def data_format_option(command: Command) -> Command:
    """--format of the commands that print their own data."""
    return click.option(
        "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
        help="As text, or as JSON.",
    )(command)  # fmt: skip
