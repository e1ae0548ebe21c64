"""compile, check, prompt and lock: the commands that take graphs through the stages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import click

from comfy2runpod.cli.chosen import chosen_of, typed
from comfy2runpod.cli.compiled import next_steps, size_warnings, summary
from comfy2runpod.cli.graphs import (
    Settings,
    files_of,
    graph_files,
    graph_options,
    graphs_argument,
    lock_of,
    picture_of,
    read_graph,
)
from comfy2runpod.cli.ignored import ignored_note
from comfy2runpod.cli.report import Reporter, format_option, reporting
from comfy2runpod.cli.say import say
from comfy2runpod.cli.writing import LOCKS, PROMPTS, REFUSALS, force_option, told_of
from comfy2runpod.diagnostics import Collector, CompileError, Diagnostic, Locus
from comfy2runpod.errors.files import PackageDrifted, PromptLeft, SameName, SamePrompt
from comfy2runpod.git import ignored_by_git
from comfy2runpod.hub import lock_models
from comfy2runpod.json_text import json_document
from comfy2runpod.model_lock import lock_text
from comfy2runpod.pipeline import CompileResult, check_file, compile_graph, prompt_of_file
from comfy2runpod.read_files import lock_path, shown
from comfy2runpod.write import Chosen, Source, chosen_for, drift, package_files, remove, write_package, write_text
from comfy2runpod_contract.texts import visible

_Kind: TypeAlias = Literal["prompt", "error"]


@click.command("compile")
@graphs_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("generated"), show_default=True,
    help="The folder for the packages, one for each graph.",
)  # fmt: skip
@force_option
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit with 1 if a package is not up to date.")
@graph_options
@format_option
def compile_command(
    graphs: tuple[Path, ...], output: Path, settings: Settings, form: str, *, force: bool, only_check: bool
) -> None:
    """Compile GRAPHS into endpoint packages: graphs as ComfyUI saves them, or folders of them.

    \b
    comfy2runpod compile graphs/t2v_ltx2.json
    comfy2runpod compile graphs/ -o packages
    comfy2runpod compile --check graphs/

    Each package goes to DIRECTORY/<name>, whole or not at all; files of your own in it stay. A graph that is refused
    leaves its old package as it was, and the others are written. If two have one name, nothing is.
    """
    with reporting(form) as reporter:
        files = graph_files(graphs)
        with reporter.progress("Compiling", files) as steps:
            compiled = [
                (graph, result)
                for graph in steps.each(files, shown)
                if (result := _compiled(graph, settings, reporter)) is not None
            ]
            _check_names(compiled)
            if only_check:
                _check_packages(compiled, output, chosen_of(settings), reporter)
                reporter.finish()
                return
            chosen = chosen_of(settings)
            written = [one for one in compiled if _write(one[1], output, chosen, reporter, force=force)]
        if written:
            reporter.say(next_steps(written, output))
            names = [result.interface.name for _, result in written]
            paths = [
                f"{name}/{path}" for name, (_, result) in zip(names, written, strict=True) for path in result.files
            ]
            if note := ignored_note([output / name for name in names], paths, output):
                reporter.say(note)
        if reporter.failed:
            of_them = "it" if reporter.failed == 1 else "them"
            say(f"{reporter.failed} of {len(files)} refused; nothing was written for {of_them}.", err=True)
        reporter.finish()


@click.command("check")
@graphs_argument
@graph_options
@format_option
def check_command(graphs: tuple[Path, ...], settings: Settings, form: str) -> None:
    """Check GRAPHS, files or folders of them, as `compile` does, and write nothing.

    \b
    comfy2runpod check graphs/
    comfy2runpod check prompt.json --format github

    An API prompt is checked as ComfyUI itself does.
    """
    with reporting(form) as reporter:
        files = graph_files(graphs)
        with reporter.progress("Checking", files) as steps:
            for graph in steps.each(files, shown):
                with reporter.attempt():
                    data = read_graph(graph, reporter)
                    catalog, lock = settings.catalog(graph), lock_of(graph)
                    found = check_file(
                        data,
                        shown(graph),
                        catalog,
                        settings.options,
                        lock,
                        files=files_of(graph, data, settings.options),
                    )
                    reporter.add(found)
                    reporter.say(f"{shown(graph)}: fine")
        if len(files) > 1 and reporter.failed:
            say(f"{reporter.failed} of {len(files)} refused.", err=True)
        reporter.finish()


@click.command("prompt")
@graphs_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False),
    help="Write DIR/<stem>.prompt.json, or .error.json if refused. Default: standard output.",
)  # fmt: skip
@graph_options
@format_option
def prompt_command(graphs: tuple[Path, ...], output: Path | None, settings: Settings, form: str) -> None:
    """Print the API prompt of GRAPHS, files or folders of them, or write one file for each graph.

    \b
    comfy2runpod prompt graphs/t2v_ltx2.json
    comfy2runpod prompt graphs/ -o prompts

    It is what the editor itself would queue. An API prompt is checked, and printed as it is. Without -o and in a
    machine's --format, standard output carries the prompts if all graphs convert, else the report.
    """
    printed: list[str] = []
    with reporting(form, output_is_free=lambda: not printed) as reporter:
        files, prompts = graph_files(graphs), list[str]()
        if output is not None:
            _check_stems(files)
        with reporter.progress("Converting", files) as steps:
            for graph in steps.each(files, shown):
                with reporter.attempt():
                    text, found = _prompt(graph, settings, reporter)
                    kind: _Kind = "error" if text is None else "prompt"
                    # With prompts on standard output, the errors are printed there instead of the prompt.
                    reporter.add(() if text is None and reporter.is_text and output is None else found)
                    reporter.refused += text is None
                    if text is None:
                        text = json_document({"diagnostics": [diagnostic.to_json() for diagnostic in found]})
                    if output is not None:
                        _write_one(text, kind, graph, output, reporter)
                    elif reporter.is_text:
                        say(text, nl=False, err=kind == "error")
                    elif kind == "prompt":
                        prompts.append(text)
        reporter.finish()
        printed.extend(prompts)
        say("".join(printed), nl=False)


@click.command("lock")
@graphs_argument
@graph_options
@format_option
def lock_command(graphs: tuple[Path, ...], settings: Settings, form: str) -> None:
    """Ask the hub for the commit, size and sha256 of every model file of GRAPHS, and write them beside each graph.

    \b
    comfy2runpod lock graphs/t2v_ltx2.json   # writes graphs/t2v_ltx2.lock.json
    comfy2runpod lock graphs/

    Commit the lock with its graph: `compile` reads it, and every worker then gets the very same files. HF_TOKEN is used
    for repositories that ask for it.
    """
    with reporting(form) as reporter:
        files = graph_files(graphs)
        with reporter.progress("Locking", files) as steps:
            for graph in steps.each(files, shown):
                with reporter.attempt():
                    data = read_graph(graph, reporter)
                    catalog, beside = settings.catalog(graph), files_of(graph, data, settings.options)
                    result = compile_graph(data, shown(graph), catalog, settings.options, files=beside)
                    models = result.interface.models
                    locked = lock_models(models, tell=lambda model: steps.at(f"asking for {model.file}"))
                    write_text(lock_text(locked), lock_path(graph), LOCKS)
                    reporter.say(f"{shown(lock_path(graph))}: {len(locked)} of {len(models)} files locked")
                    unhashed = {item.url for item in locked if item.sha256 is None}
                    for model in (model for model in models if model.url in unhashed):
                        reporter.say(f"  {model.file}: the hub tells no sha256; a worker can check its size alone")
                    gated = {item.url for item in locked if item.gated}
                    for model in (model for model in models if model.url in gated):
                        reporter.say(f"  {model.file}: {model.repo} is gated; a worker needs HF_TOKEN")
        reporter.finish()


# What a file that `prompt` writes contains.
_WHAT: Mapping[_Kind, str] = {"prompt": "the prompt of", "error": "what is wrong with"}

COMMANDS = (compile_command, check_command, prompt_command, lock_command)


def _check_stems(graphs: Sequence[Path]) -> None:
    """Refuses two graphs whose prompts would be one file, before one is written over the other."""
    found = Collector()
    for name, graph, other in _named_twice((graph.stem, graph) for graph in graphs):
        found.add(SamePrompt(at=Locus(shown(graph)), name=f"{name}.prompt.json", other=Locus(shown(other))))
    found.finish()


def _write_one(text: str, kind: _Kind, graph: Path, output: Path, reporter: Reporter) -> None:
    """Writes a prompt, or why there is none, and sees to what an earlier run said otherwise."""
    places: dict[_Kind, Path] = {one: output / f"{graph.stem}.{one}.json" for one in _WHAT}
    write_text(text, places[kind], PROMPTS if kind == "prompt" else REFUSALS)
    reporter.say(f"{shown(places[kind])}: {_WHAT[kind]} {shown(graph)}")
    if kind == "prompt":
        remove(places["error"], REFUSALS)
    elif places["prompt"].exists():
        reporter.add([PromptLeft(at=Locus(shown(places["prompt"])), graph=shown(graph))])


def _check_names(compiled: Sequence[tuple[Path, CompileResult]]) -> None:
    """Refuses two packages of one name, before one is written over the other."""
    found = Collector()
    for name, graph, other in _named_twice((result.interface.name, graph) for graph, result in compiled):
        found.add(SameName(at=Locus(shown(graph)), name=name, other=Locus(shown(other))))
    found.finish()


def _named_twice(named: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Path, Path]]:
    """Each name and graph whose name another graph has, with that graph. The same file twice is one graph."""
    first: dict[str, Path] = {}
    for name, graph in named:
        # Some file systems ignore the case of letters.
        other = first.setdefault(name.casefold(), graph)
        if other.resolve() != graph.resolve():
            yield name, graph, other


def _write(result: CompileResult, output: Path, chosen: Chosen, reporter: Reporter, *, force: bool) -> bool:
    """Writes a package and reports it; returns whether that was possible."""
    folder = output / result.interface.name
    with reporter.attempt():
        written = write_package(result.files, folder, graph=_source(result), options=chosen, force=force)
        reporter.add(told_of(written, folder))
        reporter.say(summary(result, folder, verbose=reporter.terminal.verbose))
        return True
    return False


def _source(result: CompileResult) -> Source:
    # A name that is no text has halves of characters.
    files = {one.source: hashlib.sha256(one.data).hexdigest() for one in result.interface.image.files}
    return Source(visible(result.interface.source), result.interface.source_sha256 or "", files)


def _check_packages(
    compiled: Sequence[tuple[Path, CompileResult]], output: Path, chosen: Chosen, reporter: Reporter
) -> None:
    """Reports the packages that are not what their graphs give."""
    for graph, result in compiled:
        folder = output / result.interface.name
        with reporter.attempt():
            found = drift(package_files(result.files, _source(result), chosen), folder)
            if found.lacking and folder.is_dir():
                # What git leaves out of a commit is lacking in every checkout.
                found = found.without(frozenset(ignored_by_git(folder, found.lacking)))
            if not found.is_none:
                written = chosen_for(folder)
                others = written is not None and written != chosen
                raise CompileError(
                    [
                        PackageDrifted(
                            at=Locus(shown(folder)), graph=shown(graph), lacking=found.lacking, changed=found.changed,
                            obsolete=found.obsolete, checked_with=typed(chosen),
                            compiled_with=typed(written) if written is not None and others else None,
                        )
                    ]
                )  # fmt: skip
            reporter.say(f"{shown(folder)}: is what {shown(graph)} gives")


def _compiled(graph: Path, settings: Settings, reporter: Reporter) -> CompileResult | None:
    """A graph's package, or None if it is refused; the reporter gets the diagnostics in both cases."""
    with reporter.attempt():
        data = read_graph(graph, reporter)
        result = compile_graph(
            data,
            shown(graph),
            settings.catalog(graph),
            settings.options,
            lock_of(graph),
            picture=picture_of(graph),
            files=files_of(graph, data, settings.options),
        )
        reporter.add((*result.diagnostics, *size_warnings(result, shown(graph))))
        return result
    return None


def _prompt(graph: Path, settings: Settings, reporter: Reporter) -> tuple[str | None, tuple[Diagnostic, ...]]:
    """The prompt as JSON text, None if the graph is refused, and what was found."""
    try:
        data = read_graph(graph, reporter)
        converted = prompt_of_file(data, shown(graph), settings.catalog(graph), settings.options)
    except CompileError as error:
        return None, error.diagnostics
    return json_document(converted.prompt), converted.warnings
