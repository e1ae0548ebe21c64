"""--format: what a command found, as text while it goes on, or for machines at its end.

In a machine's format standard output carries that and nothing else; what is said to people goes to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from comfy2runpod.cli.exits import REFUSED, UNREACHABLE, UnreachableError
from comfy2runpod.diagnostics import CompileError, Diagnostic, render
from comfy2runpod.report import diagnostics_json, github_commands, place, sarif_log
from comfy2runpod.write import WriteError

FORMATS = ("text", "json", "sarif", "github")

Command = TypeVar("Command", bound=Callable[..., Any])


def format_option(command: Command) -> Command:
    """--format of the commands that print diagnostics."""
    return click.option(
        "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
        help="What is wrong: for people, or for machines on standard output (SARIF 2.1.0, GitHub annotations).",
    )(command)  # fmt: skip


class Reporter:
    """Gathers what a command finds and says."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.sources: dict[str, bytes] = {}
        self._found: list[Diagnostic] = []

    @property
    def is_text(self) -> bool:
        """Whether it speaks to people."""
        return self.form == "text"

    def add(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Notes diagnostics; as text they are printed at once."""
        fresh = tuple(diagnostics)
        if self.is_text and fresh:
            click.echo(render(fresh), err=True)
        self._found.extend(fresh)

    def say(self, text: str) -> None:
        """Tells people how it goes."""
        click.echo(text, err=not self.is_text)

    def report(self, exit_code: int) -> str:
        """Everything that was found, in the machine's format."""
        placed = place(self._found, self.sources)
        match self.form:
            case "json":
                return diagnostics_json(placed)
            case "sarif":
                return sarif_log(placed, exit_code=exit_code)
            case "github":
                return github_commands(placed)
        return ""


@contextmanager
def reporting(form: str, *, output_is_free: Callable[[], bool] = lambda: True) -> Iterator[Reporter]:
    """A reporter, whose report is printed when the command ends, however it ends.

    `output_is_free` tells at the end whether the report may have standard output; else it goes to standard error.
    """
    reporter = Reporter(form)
    code = 0
    try:
        yield reporter
    except CompileError as error:
        reporter.add(error.diagnostics)
        code = REFUSED
    except (UnreachableError, WriteError) as error:
        reporter.add([error.diagnostic])
        code = UNREACHABLE
    except click.exceptions.Exit as error:
        code = error.exit_code
    if not reporter.is_text:
        click.echo(reporter.report(code), nl=False, err=not output_is_free())
    if code:
        raise click.exceptions.Exit(code)


@contextmanager
def data_or_refusal(form: str) -> Iterator[None]:
    """For commands whose --format json prints an object of their own: what was refused is its `diagnostics`."""
    try:
        yield
    except (CompileError, UnreachableError, WriteError) as error:
        if form != "json":
            raise
        found = error.diagnostics if isinstance(error, CompileError) else (error.diagnostic,)
        refused = {"diagnostics": [diagnostic.to_json() for diagnostic in found]}
        click.echo(json.dumps(refused, indent=2, ensure_ascii=False))
        raise click.exceptions.Exit(REFUSED if isinstance(error, CompileError) else UNREACHABLE) from None


def data_format_option(command: Command) -> Command:
    """--format of the commands that print something of their own."""
    return click.option(
        "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True,
        help="For people, or as JSON.",
    )(command)  # fmt: skip
