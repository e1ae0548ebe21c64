"""completion: the script that a shell runs to complete commands, options and choices."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from comfy2runpod.cli.front import NAME
from comfy2runpod.cli.say import say

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
def completion_command(shell: str) -> None:
    """Print the script that completes commands, options and file names in SHELL.

    \b
    bash  comfy2runpod completion bash \\
            > ~/.local/share/bash-completion/completions/comfy2runpod
    zsh   comfy2runpod completion zsh > ~/.zfunc/_comfy2runpod
    fish  comfy2runpod completion fish \\
            > ~/.config/fish/completions/comfy2runpod.fish
    """
    from comfy2runpod.cli.app import COMPLETE, cli  # noqa: PLC0415 - it loads this module

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"This version of click knows no completion for {shell}.")
    say(kind(cli, {}, NAME, COMPLETE).source().rstrip())


COMMANDS = (completion_command,)
