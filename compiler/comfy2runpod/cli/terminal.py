"""Messages for people: colours, verbosity, and printing beside a progress bar; untrusted text is escaped.

Results go to standard output; everything else (progress, notes, diagnostics) to standard error.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, TextIO, TypeVar

import click

from comfy2runpod.cli.front import COMMON_OPTIONS
from comfy2runpod.diagnostics import Diagnostic, Severity, render
from comfy2runpod_contract.texts import visible

_HEAD = re.compile(r"(error|warning)(\[[^\]\n]*\]): (.*)")
_LABELS = ("  also:", "  help:")
_NUMBER = re.compile(r"\d[\d,.]*")
# Up to this many equal diagnostics are printed in full.
_MOST_ALIKE = 3
_COLOURS = {"error": "red", "warning": "yellow"}
# Values of TERM for terminals that cannot move the cursor.
_SIMPLE = ("dumb", "unknown")

Command = TypeVar("Command", bound=Callable[..., Any] | click.Command)


class Verbosity(IntEnum):
    """How much is printed."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


class Aside(Protocol):
    """Something drawn on the terminal that can be hidden while a line is printed."""

    def hide(self) -> None:
        """Removes it from the terminal."""

    def show(self) -> None:
        """Draws it again."""


@dataclass(slots=True)
class Terminal:
    """How one call of the program prints."""

    verbosity: Verbosity = Verbosity.NORMAL
    debug: bool = False
    drawn: list[Aside] = field(default_factory=list)

    @property
    def quiet(self) -> bool:
        """Whether only results and errors are printed."""
        return self.verbosity is Verbosity.QUIET

    @property
    def verbose(self) -> bool:
        """Whether details are printed too."""
        return self.verbosity is Verbosity.VERBOSE

    def result(self, text: str, *, nl: bool = True) -> None:
        """Prints a result, to standard output."""
        with self.aside():
            click.echo(visible(text), nl=nl)

    def say(self, text: str) -> None:
        """Prints a note, unless --quiet."""
        if not self.quiet:
            self.tell(text)

    def tell(self, text: str, *, nl: bool = True) -> None:
        """Prints a note, even with --quiet."""
        with self.aside():
            click.echo(visible(text), err=True, nl=nl)

    def diagnose(self, found: Iterable[Diagnostic]) -> None:
        """Prints diagnostics; with --quiet, errors alone."""
        if self.quiet:
            found = [one for one in found if one.severity is Severity.ERROR]
        text = visible(render(found) if self.verbose else brief(found))
        if text:
            with self.aside():
                click.echo(coloured(text), err=True, color=has_colour(sys.stderr))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """A context in which nothing is drawn."""
        drawn = self.drawn[-1] if self.drawn else None
        if drawn is not None:
            drawn.hide()
        try:
            yield
        finally:
            if drawn is not None:
                drawn.show()


def terminal() -> Terminal:
    """The terminal of this call."""
    context = click.get_current_context(silent=True)
    found = None if context is None else context.find_object(Terminal)
    return Terminal() if found is None else found


def has_colour(stream: TextIO | None) -> bool:
    """Whether colour is wanted: NO_COLOR and FORCE_COLOR say so, else the terminal (https://no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR", "")
    return is_live(stream) if forced in ("", "0") else True


def is_live(stream: TextIO | None) -> bool:
    """Whether the stream is a terminal on which a line can be redrawn."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "") not in _SIMPLE


def brief(found: Iterable[Diagnostic]) -> str:
    """Diagnostics as text; many that are equal but for place and numbers are printed as one."""
    alike: dict[tuple[str, str], list[Diagnostic]] = {}
    for diagnostic in found:
        said = _NUMBER.sub("#", diagnostic.reason)
        alike.setdefault((diagnostic.code, said), []).append(diagnostic)
    blocks = []
    for same in alike.values():
        if len(same) <= _MOST_ALIKE:
            blocks += [render([one]) for one in same]
            continue
        places = [str(one.at) for one in same[1 : _MOST_ALIKE + 1]]
        more = len(same) - 1 - len(places)
        also = f"  and at {', '.join(places)}" + (f" and {more:,} more places" if more else "")
        blocks.append(f"{render(same[:1])}{also} (--verbose tells more)\n")
    return "\n".join(blocks)


def coloured(text: str) -> str:
    """Rendered diagnostics in colours, which `click.echo` removes if the stream has none."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if (head := _HEAD.fullmatch(line)) is not None:
            kind = click.style(head[1] + head[2], fg=_COLOURS[head[1]], bold=True)
            lines[number] = f"{kind}: {click.style(head[3], bold=True)}"
        elif (label := next(filter(line.startswith, _LABELS), None)) is not None:
            lines[number] = click.style(label, fg="cyan") + line[len(label) :]
    return "\n".join(lines)


def common_options(command: Command) -> Command:
    """--quiet, --verbose and --debug, which may be before or after the command's name."""

    def note(context: click.Context, parameter: click.Parameter, value: object) -> None:
        shared = context.find_object(Terminal)
        if shared is None or not value:
            return
        if parameter.name == "debug":
            shared.debug = True
        else:
            shared.verbosity = Verbosity.QUIET if parameter.name == "quiet" else Verbosity.VERBOSE

    for names, text in reversed(COMMON_OPTIONS):
        command = click.option(*names, is_flag=True, expose_value=False, callback=note, help=text)(command)
    return command
