"""The only way to the terminal: whatever is said may hold a stranger's text, and none of that reaches it raw."""

from __future__ import annotations

from comfy2runpod.cli.terminal import terminal


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Prints a text, control characters in it as their escapes. JSON stays the same JSON."""
    if err:
        terminal().tell(text, nl=nl)
    else:
        terminal().result(text, nl=nl)
