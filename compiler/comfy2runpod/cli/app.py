"""The command group, and `run`: runs a command and turns what went wrong into an exit code.

A command's module is imported when the command is called: all of them together take more than a second.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import re
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

import click
from click.shell_completion import shell_complete

from comfy2runpod import __version__
from comfy2runpod.cli.exits import BUG, REFUSED, UNREACHABLE
from comfy2runpod.cli.front import ABOUT, ENTRIES, HELP_NAMES, NAME, VERSION_NAMES, help_text
from comfy2runpod.cli.terminal import Terminal, common_options
from comfy2runpod.diagnostics import CompileError, Diagnostic, Locus, UnreachableError, did_you_mean, nearest
from comfy2runpod.errors.files import CannotUse

_ISSUES = "https://github.com/comfy2runpod/comfy2runpod/issues"
# Set by a shell that asks for completions.
COMPLETE = "_COMFY2RUNPOD_COMPLETE"
_WIDTH = 80


class Commands(click.Group):
    """The commands by section, each loaded when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """All names, in the order of work."""
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """The command with this name."""
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        commands: Sequence[click.Command] = import_module(f"comfy2runpod.cli.{entry.module}").COMMANDS
        command = next(command for command in commands if command.name == cmd_name)
        command.short_help = entry.summary
        return _with_common(command)

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002 - click's
        """What is printed without click too."""
        return help_text().removesuffix("\n")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; for a misspelt name, an error that names the nearest."""
        if args and args[0] not in ENTRIES and not args[0].startswith("-"):
            near = did_you_mean(nearest(args[0], ENTRIES))
            ctx.fail(f"There is no command {args[0]!r}. {near or 'comfy2runpod --help lists them.'}".rstrip())
        return super().resolve_command(ctx, args)


# Errors of the system about the path itself, not about what is done with it.
_REFUSED_PATHS = frozenset({errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EROFS})
# Path.resolve's message for a cycle of links.
_LOOP = re.compile(r"Symlink loop from '(.*)'")


@click.group(
    cls=Commands,
    context_settings={"help_option_names": list(HELP_NAMES), "max_content_width": _WIDTH},
    help=ABOUT,
)
@click.version_option(__version__, *VERSION_NAMES, prog_name=NAME)
@common_options
@click.pass_context
def cli(context: click.Context) -> None:
    """The command of all commands."""
    context.ensure_object(Terminal)


def collect_seldom() -> None:
    """Makes the garbage collector run every 50,000 objects instead of every 700.

    A graph's conversion makes many objects and drops few before it ends: at 10⁵ nodes, to look through them again and
    again took longer than all the rest.
    """
    gc.set_threshold(50_000)


def run(arguments: Sequence[str]) -> int:
    """Runs a command line, reports what is wrong, and returns the exit code."""
    collect_seldom()
    terminal = Terminal(debug="--debug" in arguments)
    try:
        if instruction := os.environ.get(COMPLETE):
            return shell_complete(cli, {}, NAME, COMPLETE, instruction)
        # Not `cli.main`, which handles Ctrl-C in its own way.
        with cli.make_context(NAME, list(arguments), obj=terminal) as context:
            cli.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        terminal.tell(shown.getvalue(), nl=False)
        return error.exit_code
    except CompileError as error:
        terminal.diagnose(error.diagnostics)
        return REFUSED
    except UnreachableError as error:
        terminal.diagnose([error.diagnostic])
        return UNREACHABLE
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is reported as one, never as a bare traceback
        if terminal.debug:
            traceback.print_exc()
        if (path := _refused_path(error)) is not None:
            terminal.diagnose([path])
            return UNREACHABLE
        terminal.tell(
            f"comfy2runpod {__version__} has a bug ({type(error).__name__}: {error}).\n"
            f"  help: run it again with --debug and report it with the graph at {_ISSUES}"
        )
        return BUG
    return 0


def _refused_path(error: Exception) -> Diagnostic | None:
    """The diagnostic for a path that the system refuses, wherever that happened."""
    if isinstance(error, RuntimeError) and (loop := _LOOP.fullmatch(str(error))) is not None:
        return CannotUse(at=Locus(loop[1]), problem=os.strerror(errno.ELOOP))
    if not isinstance(error, OSError) or error.errno not in _REFUSED_PATHS or not isinstance(error.filename, str):
        return None
    return CannotUse(at=Locus(error.filename), problem=error.strerror or str(error))


def _with_common(command: click.Command) -> click.Command:
    """The command with the common options; the commands of a group get them too."""
    if not any("--debug" in parameter.opts for parameter in command.params):
        common_options(command)
        if isinstance(command, click.Group):
            for inner in command.commands.values():
                common_options(inner)
    return command


def main() -> None:
    """Runs like the console script, in this process, whose streams and signals stay as they are."""
    sys.exit(run(sys.argv[1:]))
