"""The command group, and `main`: runs a command and turns what went wrong into an exit code."""

from __future__ import annotations

import gc
import sys
import traceback

import click

from comfy2runpod import __version__
from comfy2runpod.cli.exits import BUG, REFUSED, UNREACHABLE, UnreachableError
from comfy2runpod.diagnostics import CompileError, render
from comfy2runpod.operate.stopped import BatchStopped
from comfy2runpod.run_package import RunError
from comfy2runpod.write import WriteError

_ISSUES = "https://github.com/comfy2runpod/comfy2runpod/issues"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="comfy2runpod")
@click.option("--debug", is_flag=True, help="Show the traceback of a bug.")
@click.pass_context
def cli(context: click.Context, *, debug: bool) -> None:
    """Compile a saved ComfyUI workflow into a complete, typed RunPod Serverless endpoint."""
    context.obj = debug


def collect_seldom() -> None:
    """Makes the collector of garbage look every 50,000 objects in place of 700.

    A graph's conversion makes many objects and drops few before it ends: at 10⁵ nodes, to look through them again and
    again took longer than all the rest.
    """
    gc.set_threshold(50_000)


def main() -> None:
    """The console script."""
    collect_seldom()
    debug = "--debug" in sys.argv
    try:
        # Without its own handling of errors, click returns the code of an Exit.
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.Abort:
        click.echo("Aborted.", err=True)
        sys.exit(REFUSED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except CompileError as error:
        click.echo(str(error), err=True)
        sys.exit(REFUSED)
    except (WriteError, RunError, BatchStopped, UnreachableError) as error:
        click.echo(render([error.diagnostic]), err=True)
        sys.exit(UNREACHABLE)
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is said as one, never as a bare traceback
        if debug:
            traceback.print_exc()
        click.echo(
            f"comfy2runpod {__version__} has a bug ({type(error).__name__}: {error}).\n"
            f"  help: run again with --debug before the command and report it with the graph at {_ISSUES}",
            err=True,
        )
        sys.exit(BUG)
