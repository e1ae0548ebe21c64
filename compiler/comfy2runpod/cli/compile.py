"""compile, check, prompt and lock: the commands that take graphs through the stages."""

from __future__ import annotations

from pathlib import Path

import click

from comfy2runpod.cli.exits import REFUSED
from comfy2runpod.cli.graphs import Settings, graph_options, graphs_argument, lock_of, read_graph, shown
from comfy2runpod.cli.report import Reporter, format_option, reporting
from comfy2runpod.cli.say import say
from comfy2runpod.diagnostics import CompileError, Diagnostic
from comfy2runpod.ir.json import json_document
from comfy2runpod.pipeline import CompileResult, check_file, compile_graph, lock_path, prompt_of_file
from comfy2runpod.weights import lock_models, lock_text
from comfy2runpod.write import write_package, write_text


@click.command("compile")
@graphs_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("generated"), show_default=True,
    help="The folder that gets one package a graph.",
)  # fmt: skip
@graph_options
@format_option
def compile_command(graphs: tuple[Path, ...], output: Path, settings: Settings, form: str) -> None:
    """Compile GRAPHS, as ComfyUI saves them, into endpoint packages.

    Each package goes to OUTPUT/<name>. A graph that is refused leaves its old package as it was.
    """
    with reporting(form) as reporter:
        refused = 0
        for graph in graphs:
            result = _compiled(graph, settings, reporter)
            if result is None:
                refused += 1
                continue
            folder = output / result.interface.name
            write_package(result.files, folder)
            reporter.say(_summary(result, folder))
        if refused:
            say(f"{refused} of {len(graphs)} refused; their packages were left as they were.", err=True)
            raise click.exceptions.Exit(REFUSED)


@click.command("check")
@graphs_argument
@graph_options
@format_option
def check_command(graphs: tuple[Path, ...], settings: Settings, form: str) -> None:
    """Check GRAPHS as `compile` does, and write nothing. An API prompt is checked as ComfyUI does."""
    with reporting(form) as reporter:
        refused = False
        for graph in graphs:
            try:
                data = read_graph(graph, reporter)
                catalog, lock = settings.catalog(graph), lock_of(graph)
                reporter.add(check_file(data, shown(graph), catalog, settings.options, lock))
            except CompileError as error:
                reporter.add(error.diagnostics)
                refused = True
            else:
                reporter.say(f"{shown(graph)}: fine")
        if refused:
            raise click.exceptions.Exit(REFUSED)


@click.command("prompt")
@graphs_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False),
    help="Write DIR/<stem>.prompt.json, or .error.json if refused. Default: standard output.",
)  # fmt: skip
@graph_options
@format_option
def prompt_command(graphs: tuple[Path, ...], output: Path | None, settings: Settings, form: str) -> None:
    """Print the API prompt of GRAPHS, or write one file a graph. An API prompt is checked and printed as it is.

    Without -o and in a machine's --format, standard output carries the prompts if all graphs convert, else the report.
    """
    printed: list[str] = []
    with reporting(form, output_is_free=lambda: not printed) as reporter:
        refused, prompts = False, []
        for graph in graphs:
            text, found = _prompt(graph, settings, reporter)
            refused = refused or text is None
            if text is None:
                # Who reads text finds the errors in the place of the prompt.
                reporter.add(() if reporter.is_text else found)
                text, kind = (
                    json_document({"diagnostics": [diagnostic.to_json() for diagnostic in found]}),
                    "error",
                )
            else:
                reporter.add(found)
                kind = "prompt"
            if output is not None:
                write_text(text, output / f"{graph.stem}.{kind}.json")
            elif reporter.is_text:
                say(text, nl=False, err=kind == "error")
            elif kind == "prompt":
                prompts.append(text)
        if refused:
            raise click.exceptions.Exit(REFUSED)
        printed.extend(prompts)
        say("".join(printed), nl=False)


@click.command("lock")
@graphs_argument
@graph_options
@format_option
def lock_command(graphs: tuple[Path, ...], settings: Settings, form: str) -> None:
    """Ask the hub for the commit, size and sha256 of every model file of GRAPHS, and write them beside each graph."""
    with reporting(form) as reporter:
        for graph in graphs:
            data = read_graph(graph, reporter)
            result = compile_graph(data, shown(graph), settings.catalog(graph), settings.options)
            locked = lock_models(result.interface.models)
            write_text(lock_text(locked), lock_path(graph))
            total = len(result.interface.models)
            reporter.say(f"{shown(lock_path(graph))}: {len(locked)} of {total} files locked")


COMMANDS = (compile_command, check_command, prompt_command, lock_command)


def _compiled(graph: Path, settings: Settings, reporter: Reporter) -> CompileResult | None:
    """A graph's package, or None if it is refused; either way the reporter has what was found."""
    try:
        data = read_graph(graph, reporter)
        result = compile_graph(data, shown(graph), settings.catalog(graph), settings.options, lock_of(graph))
    except CompileError as error:
        reporter.add(error.diagnostics)
        return None
    reporter.add(result.diagnostics)
    return result


def _prompt(graph: Path, settings: Settings, reporter: Reporter) -> tuple[str | None, tuple[Diagnostic, ...]]:
    """The prompt as JSON text, None if the graph is refused, and what was found."""
    try:
        data = read_graph(graph, reporter)
        converted = prompt_of_file(data, shown(graph), settings.catalog(graph), settings.options)
    except CompileError as error:
        return None, error.diagnostics
    return json_document(converted.prompt), converted.warnings


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
