"""The only way to print: messages may contain untrusted text, which must not reach the terminal unescaped."""

from __future__ import annotations

from comfy2runpod.cli.terminal import terminal


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Prints a text with control characters escaped. JSON keeps its meaning."""
    if err:
        terminal().tell(text, nl=nl)
    else:
        terminal().result(text, nl=nl)
