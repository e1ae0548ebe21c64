"""annotate: writes or updates the note inside a graph."""

from __future__ import annotations

from pathlib import Path

import click

from comfy2runpod.author.graph_edit import NoteText, note_of, with_note
from comfy2runpod.author.note_changes import NoteChanges, change_note
from comfy2runpod.author.yaml_edit import NothingThereError, YamlEditError
from comfy2runpod.cli.annotate_arguments import entry_change, key_path, value_change
from comfy2runpod.cli.graphs import Settings, files_of, graph_options, lock_of, read_graph
from comfy2runpod.cli.report import format_option, reporting
from comfy2runpod.diagnostics import CompileError, Locus, nearest
from comfy2runpod.errors.annotate import CannotChangeNote, NothingToRemove
from comfy2runpod.ir.interface import Interface
from comfy2runpod.pipeline import compile_graph
from comfy2runpod.read_files import shown
from comfy2runpod.stages.load import load
from comfy2runpod.write import Replaceable, write_bytes


@click.command("annotate")
@click.argument("graph", type=click.Path(path_type=Path))
@click.option(
    "--input", "inputs", metavar="NAME=PATH[,…]", multiple=True,
    help="A field: the input that it feeds, and its other keys (prompt=92.text,required,max_length=4000). Repeatable.",
)  # fmt: skip
@click.option(
    "--output", "outputs", metavar="NAME=NODE[,…]", multiple=True, help="An output: the node that saves it. Repeatable."
)
@click.option("--name", help="The endpoint's name.")
@click.option("--title", help="Its title.")
@click.option("--description", help="Its description.")
@click.option(
    "--set", "values", metavar="KEY=VALUE", multiple=True,
    help="Any other value of the note, in YAML (runpod.gpu=[ADA_24]). Repeatable.",
)  # fmt: skip
@click.option("--remove", "removed", metavar="KEY", multiple=True, help="Remove a key (inputs.prompt). Repeatable.")
@click.option(
    "-o",
    "--output-file",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write here. Default: in place.",
)
@click.option("--force", is_flag=True, help="Replace an existing file at the path given by -o.")
@graph_options
@format_option
def annotate_command(
    graph: Path,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    name: str | None,
    title: str | None,
    description: str | None,
    values: tuple[str, ...],
    removed: tuple[str, ...],
    target: Path | None,
    settings: Settings,
    form: str,
    *,
    force: bool,
) -> None:
    """Write or update the `comfy2runpod` note in GRAPH: its fields, outputs and everything else.

    \b
    comfy2runpod annotate t2v.json --input prompt=92.text,required \\
        --input 'width=92.width as round_up(width, 64),92:110.width' \\
        --output video=75
    comfy2runpod annotate t2v.json --set runpod.gpu=[ADA_24] --remove inputs.seed

    Every other byte of the file stays, and the comments in the note. What would not compile is not written.
    """
    changes = NoteChanges(
        entries=(
            *(entry_change("inputs", text) for text in inputs),
            *(entry_change("outputs", text) for text in outputs),
        ),
        values=(
            *(((key,), text) for key, text in (("name", name), ("title", title), ("description", description)) if text),
            *(value_change(text) for text in values),
        ),
        removed=tuple(key_path(key, "--remove") for key in removed),
    )
    if changes == NoteChanges():
        raise click.UsageError("Nothing is to be changed: give --input, --output, --name, --title, --set or --remove.")
    with reporting(form) as reporter:
        # Nothing can be written back into a pipe.
        data = read_graph(graph, reporter, streams=target is not None)
        document = load(data, shown(graph))
        note = note_of(document)
        edited = with_note(data, document, _changed(note, changes, shown(graph)))
        catalog, files = settings.catalog(graph), files_of(graph, edited, settings.options)
        result = compile_graph(edited, shown(graph), catalog, settings.options, lock_of(graph), files=files)
        reporter.add(result.diagnostics)
        place = target or graph
        # Also if nothing is to be changed: it removes what a killed call left behind.
        write_bytes(edited, place, _replaceable(graph, target, data, force=force))
        reporter.say(_summary(place, note, result.interface, changed=edited != data))


COMMANDS = (annotate_command,)


def _replaceable(graph: Path, target: Path | None, data: bytes, *, force: bool) -> Replaceable:
    """What may be replaced: the graph as it was read, or, with --force, any file at -o."""
    if target is None or (target.exists() and target.samefile(graph)):
        return Replaceable(lambda there: there == data, "the graph was saved anew while this ran; run it again")
    return Replaceable(lambda _there: force, "another file has this name", by_force=True)


def _changed(note: NoteText, changes: NoteChanges, file: str) -> str:
    at = Locus(file, node=note.node_id, title="comfy2runpod")
    try:
        return note.with_yaml(change_note(note.yaml, changes))
    except NothingThereError as error:
        near = nearest(error.path[-1], error.known)
        raise CompileError([NothingToRemove(at=at, key=".".join(error.path), near=near, known=error.known)]) from None
    except YamlEditError as error:
        raise CompileError([CannotChangeNote(at=at, problem=str(error))]) from None


def _summary(place: Path, note: NoteText, interface: Interface, *, changed: bool) -> str:
    done = "a note was added" if note.node_id is None else f"note {note.node_id} was changed"
    inputs = ", ".join(field.name for field in interface.fields) or "none"
    outputs = ", ".join(output.name for output in interface.outputs)
    return (
        f"{shown(place)}: {done if changed else 'the note says so already'}\n  inputs   {inputs}\n  outputs  {outputs}"
    )
