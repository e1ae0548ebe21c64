"""The command line: options, printing and exit codes; nothing else.

Exit codes: 0 done, 1 the graph or the input was refused, 2 wrong usage, 3 a file or network could not be reached,
4 a bug of ours.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, cast

import click

from comfy2runpod import __version__
from comfy2runpod.catalog import Catalog, load_catalog
from comfy2runpod.diagnostics import CompileError, Diagnostic, Locus, render
from comfy2runpod.editor import PROFILES
from comfy2runpod.errors.files import BadInputArgument, CannotRead
from comfy2runpod.ir.json import Json
from comfy2runpod.ir.prompt import prompt_to_json
from comfy2runpod.load import MAX_BYTES, too_large
from comfy2runpod.pipeline import CompileResult, Options, compile_graph, convert, lock_path
from comfy2runpod.run_package import RunError, run_package
from comfy2runpod.weights import LockedFile, lock_models, lock_text, read_lock
from comfy2runpod.write import WriteError, write_bytes, write_package, write_text

REFUSED, UNREACHABLE, BUG = 1, 3, 4
_ISSUES = "https://github.com/comfy2runpod/comfy2runpod/issues"

P = ParamSpec("P")


class UnreachableError(Exception):
    """A file or a network that could not be reached, said as a diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(render([diagnostic]))
        self.diagnostic = diagnostic


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="comfy2runpod")
@click.option("--debug", is_flag=True, help="Show the traceback of a bug.")
@click.pass_context
def cli(context: click.Context, *, debug: bool) -> None:
    """Compile a saved ComfyUI workflow into a complete, typed RunPod Serverless endpoint."""
    context.obj = debug


def main() -> None:
    """The console script: runs a command and turns what went wrong into an exit code."""
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
    except (WriteError, RunError, UnreachableError) as error:
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


def _graph_options(command: Callable[P, None]) -> Callable[P, None]:
    """The options of every command that reads graphs."""

    @click.option(
        "--editor",
        type=click.Choice(sorted(PROFILES)),
        help="Which editor's rules to follow. Default: the one that saved the file, else the one ComfyUI ships.",
    )
    @click.option("--allow-api-nodes", is_flag=True, help="Accept nodes that call paid services.")
    @wraps(command)
    def with_options(*args: P.args, **kwargs: P.kwargs) -> None:
        command(*args, **kwargs)

    return with_options


@cli.command("compile")
@click.argument("graphs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("generated"), show_default=True,
    help="The folder that gets one package a graph.",
)  # fmt: skip
@_graph_options
def compile_command(graphs: tuple[Path, ...], output: Path, editor: str | None, *, allow_api_nodes: bool) -> None:
    """Compile GRAPHS, as ComfyUI saves them, into endpoint packages.

    Each package goes to OUTPUT/<name>. A graph that is refused leaves its old package as it was.
    """
    options = Options(editor=editor, allow_api_nodes=allow_api_nodes)
    catalog = load_catalog()
    refused = 0
    for graph in graphs:
        try:
            result = compile_graph(_read(graph), _shown(graph), catalog, options, _lock_of(graph))
        except CompileError as error:
            click.echo(str(error), err=True)
            refused += 1
            continue
        _warn(result.diagnostics)
        folder = output / result.interface.name
        write_package(result.files, folder)
        click.echo(_summary(result, folder))
    if refused:
        click.echo(f"{refused} of {len(graphs)} refused; their packages were left as they were.", err=True)
        raise click.exceptions.Exit(REFUSED)


@cli.command("check")
@click.argument("graphs", nargs=-1, required=True, type=click.Path(path_type=Path))
@_graph_options
def check_command(graphs: tuple[Path, ...], editor: str | None, *, allow_api_nodes: bool) -> None:
    """Check GRAPHS as `compile` does, and write nothing."""
    options = Options(editor=editor, allow_api_nodes=allow_api_nodes)
    catalog = load_catalog()
    refused = False
    for graph in graphs:
        try:
            result = compile_graph(_read(graph), _shown(graph), catalog, options, _lock_of(graph))
        except CompileError as error:
            click.echo(str(error), err=True)
            refused = True
        else:
            _warn(result.diagnostics)
            click.echo(f"{_shown(graph)}: fine")
    if refused:
        raise click.exceptions.Exit(REFUSED)


@cli.command("prompt")
@click.argument("graphs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False),
    help="Write DIR/<stem>.prompt.json, or .error.json if refused. Default: standard output.",
)  # fmt: skip
@_graph_options
def prompt_command(graphs: tuple[Path, ...], output: Path | None, editor: str | None, *, allow_api_nodes: bool) -> None:
    """Print the API prompt of GRAPHS, or write one file a graph."""
    options = Options(editor=editor, allow_api_nodes=allow_api_nodes)
    catalog = load_catalog()
    refused = False
    for graph in graphs:
        text, fine = _prompt_text(graph, catalog, options)
        refused = refused or not fine
        if output is None:
            click.echo(text, nl=False, err=not fine)
        else:
            write_text(text, output / f"{graph.stem}.{'prompt' if fine else 'error'}.json")
    if refused:
        raise click.exceptions.Exit(REFUSED)


@cli.command("run")
@click.argument("package", type=click.Path(path_type=Path))
@click.option("--input", "given", required=True, help="The job's input: JSON, or a file that holds it (@FILE or FILE).")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("output"), show_default=True,
    help="The folder that gets the media and response.json.",
)  # fmt: skip
@click.option("--comfyui", metavar="URL", help="A running ComfyUI. Default: the simulator, which runs no model.")
def run_command(package: Path, given: str, output: Path, comfyui: str | None) -> None:
    """Run PACKAGE's own handler on one input, on the simulator or a real ComfyUI."""
    answer = run_package(package, _job_input(given), comfyui)
    for name, data in answer.media.items():
        write_bytes(data, output / name)
    write_text(json.dumps(answer.rest, indent=2, ensure_ascii=False) + "\n", output / "response.json")
    if answer.failed:
        click.echo(json.dumps(answer.rest, indent=2, ensure_ascii=False), err=True)
        raise click.exceptions.Exit(REFUSED)
    for name, data in answer.media.items():
        click.echo(f"{output / name}: {len(data):,} bytes")
    for name, value in answer.rest.items():
        if f"{value}" not in answer.media:
            click.echo(f"  {name}: {value}")
    if comfyui is None:
        click.echo("  SIMULATED: placeholder media of the size that the prompt implies; no model was run.")


@cli.command("lock")
@click.argument("graphs", nargs=-1, required=True, type=click.Path(path_type=Path))
@_graph_options
def lock_command(graphs: tuple[Path, ...], editor: str | None, *, allow_api_nodes: bool) -> None:
    """Ask the hub for the commit, size and sha256 of every model file of GRAPHS, and write them beside each graph."""
    options = Options(editor=editor, allow_api_nodes=allow_api_nodes)
    catalog = load_catalog()
    for graph in graphs:
        result = compile_graph(_read(graph), _shown(graph), catalog, options)
        locked = lock_models(result.interface.models)
        write_text(lock_text(locked), lock_path(graph))
        click.echo(f"{_shown(lock_path(graph))}: {len(locked)} of {len(result.interface.models)} files locked")


def _job_input(given: str) -> Json:
    """The --input: JSON text, @FILE or FILE; a file that holds a whole request gives its `input`."""
    path = Path(given.removeprefix("@"))
    named = given.startswith("@") or (not given.lstrip().startswith(("{", "[", '"')) and path.exists())
    text = _read(path).decode("utf-8", "replace") if named else given
    try:
        value = cast(Json, json.loads(text))
    except ValueError as error:
        at = Locus(_shown(path) if named else "--input")
        raise CompileError([BadInputArgument(at=at, problem=str(error))]) from None
    if named and isinstance(value, dict) and value.keys() == {"input"}:
        return value["input"]
    return value


def _prompt_text(graph: Path, catalog: Catalog, options: Options) -> tuple[str, bool]:
    """The prompt as JSON text and True; or the diagnostics as JSON text and False."""
    try:
        converted = convert(_read(graph), _shown(graph), catalog, options)
    except CompileError as error:
        found = [diagnostic.to_json() for diagnostic in error.diagnostics]
        return json.dumps({"diagnostics": found}, indent=2, ensure_ascii=False) + "\n", False
    _warn(converted.warnings)
    return json.dumps(prompt_to_json(converted.graph.prompt()), indent=2, ensure_ascii=False) + "\n", True


def _summary(result: CompileResult, folder: Path) -> str:
    interface = result.interface
    inputs = ", ".join(field.name for field in interface.fields) or "none"
    outputs = ", ".join(output.name for output in interface.outputs)
    models = len(interface.models)
    return (
        f"{folder}: {interface.title}\n"
        f"  inputs   {inputs}\n"
        f"  outputs  {outputs}\n"
        f"  models   {models} file{'' if models == 1 else 's'}\n"
        f"  files    {len(result.files)}"
    )


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise CompileError([too_large(_shown(path), size)])
        return path.read_bytes()
    except OSError as error:
        raise UnreachableError(CannotRead(at=Locus(_shown(path)), problem=error.strerror or str(error))) from error


def _shown(path: Path) -> str:
    return path.as_posix()


def _lock_of(graph: Path) -> tuple[LockedFile, ...]:
    """What `lock` found out, if it has been run for the graph."""
    path = lock_path(graph)
    return read_lock(_read(path).decode("utf-8", "replace"), _shown(path)) if path.exists() else ()


def _warn(diagnostics: Iterable[Diagnostic]) -> None:
    text = render(diagnostics)
    if text:
        click.echo(text, err=True)
