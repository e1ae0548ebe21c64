"""inspect: what the note of a graph can use."""

from __future__ import annotations

from pathlib import Path

import click

from comfy2runpod.author.inspection import inspect_graph
from comfy2runpod.author.inspection_text import inspection_json, inspection_text
from comfy2runpod.cli.exits import REFUSED
from comfy2runpod.cli.graphs import Settings, graph_options
from comfy2runpod.cli.report import data_format_option, data_or_refusal
from comfy2runpod.cli.say import say
from comfy2runpod.cli.terminal import terminal
from comfy2runpod.diagnostics import Severity
from comfy2runpod.json_text import json_document
from comfy2runpod.read_files import read_file, shown


@click.command("inspect")
@click.argument("graph", type=click.Path(path_type=Path))
@graph_options
@data_format_option
def inspect_command(graph: Path, settings: Settings, form: str) -> None:
    """Show every input of GRAPH that a field could feed, its outputs, models, node packs and subgraphs.

    \b
    comfy2runpod inspect t2v.json
    comfy2runpod inspect t2v.json --format json | jq '.inputs[].path'

    The paths are those that the note's `from` takes. What a node that would be refused does not tell is omitted, and
    said; then the exit code is 1.
    """
    with data_or_refusal(form):
        inspection = inspect_graph(
            read_file(graph, streams=True), shown(graph), settings.catalog(graph), settings.options
        )
    if form == "json":
        say(json_document(inspection_json(inspection)), nl=False)
    else:
        say(inspection_text(inspection), nl=False)
        if inspection.diagnostics:
            terminal().diagnose(inspection.diagnostics)
    if any(diagnostic.severity is Severity.ERROR for diagnostic in inspection.diagnostics):
        raise click.exceptions.Exit(REFUSED)


COMMANDS = (inspect_command,)
