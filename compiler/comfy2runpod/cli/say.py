"""The only way to the terminal: whatever is said may hold a stranger's text, and none of that reaches it raw."""

from __future__ import annotations

import click

from comfy2runpod.cli.terminal import terminal
from comfy2runpod_contract.texts import visible


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Prints a text, control characters in it as their escapes. JSON stays the same JSON."""
    if err:
        terminal().tell(text, nl=nl)
    else:
        terminal().result(text, nl=nl)


def redraw(line: str = "") -> None:
    """Puts a line in the place of the one that the cursor stands in, on standard error."""
    click.echo(f"\r\x1b[2K{visible(line)}", err=True, nl=False)
