"""diff: what changed between two interfaces, and whether it breaks callers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from comfy2runpod.author.contract import FILES, Contract, contract_of
from comfy2runpod.author.contract_diff import Change, diff_contracts
from comfy2runpod.catalog.text import aligned
from comfy2runpod.cli.exits import REFUSED
from comfy2runpod.cli.graphs import Settings, files_of, graph_options, lock_of
from comfy2runpod.cli.packages import MARKER, package_folders
from comfy2runpod.cli.progress import Steps, progress
from comfy2runpod.cli.report import data_format_option, data_or_refusal
from comfy2runpod.cli.say import say
from comfy2runpod.cli.terminal import terminal
from comfy2runpod.diagnostics import CompileError, Diagnostic
from comfy2runpod.json_text import json_document
from comfy2runpod.package_folder import read_in
from comfy2runpod.pipeline import compile_graph
from comfy2runpod.read_files import graphs_in, read_file, shown
from comfy2runpod_contract.json_types import Json, JsonObject


@click.command("diff")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@graph_options
@click.option("--fail-on", type=click.Choice(["breaking"]), help="Exit with 1 if a change would break a caller of A.")
@data_format_option
def diff_command(a: Path, b: Path, settings: Settings, fail_on: str | None, form: str) -> None:
    """Show what changed in the interface from A to B: graphs, packages, or folders of either.

    \b
    comfy2runpod diff generated/t2v_ltx2 t2v_ltx2.json
    comfy2runpod diff released/ graphs/ --fail-on breaking

    In folders, what has one name is compared; the name is the package's, which the graph's note gives.

    A change is breaking if a request that A takes may be refused by B, or an answer of B may lack what A's has.
    """
    with data_or_refusal(form), progress(terminal(), "Comparing") as steps:
        found = _compared(_contracts(a, settings, steps), _contracts(b, settings, steps))
    breaking = sum(change.breaking for changes in found.values() for change in changes)
    if form == "json":
        data: JsonObject = {name: [change.to_json() for change in changes] for name, changes in found.items()}
        changed = data if any(found) else data.get("", [])
        whole: Json = {"a": shown(a), "b": shown(b), "breaking": breaking, "changes": changed}
        say(json_document(whole), nl=False)
    else:
        say(_text(shown(a), shown(b), found, breaking), nl=False)
    if breaking and fail_on == "breaking":
        raise click.exceptions.Exit(REFUSED)


COMMANDS = (diff_command,)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side: a single interface, or several packages by name."""

    path: str
    single: Contract | None
    packages: Mapping[str, Contract]


def _contracts(path: Path, settings: Settings, steps: Steps) -> _Side:
    if not path.is_dir():
        return _Side(shown(path), _compiled(path, settings, steps)[1], {})
    if (path / MARKER).exists():
        return _Side(shown(path), _package(path), {})
    if graphs := graphs_in(path):
        return _Side(shown(path), None, _of_graphs(graphs, settings, steps))
    return _Side(shown(path), None, {folder.name: _package(folder) for folder in package_folders(path)})


def _of_graphs(graphs: Sequence[Path], settings: Settings, steps: Steps) -> dict[str, Contract]:
    """All interfaces; the diagnostics of those that are refused are reported together."""
    found, wrong = dict[str, Contract](), list[Diagnostic]()
    for graph in graphs:
        try:
            name, contract = _compiled(graph, settings, steps)
        except CompileError as error:
            wrong += error.diagnostics
            continue
        if name in found:
            raise click.UsageError(f"Two graphs of {shown(graph.parent)} make a package {name}: name one of them.")
        found[name] = contract
    if wrong:
        raise CompileError(wrong)
    return found


def _compiled(graph: Path, settings: Settings, steps: Steps) -> tuple[str, Contract]:
    steps.at(shown(graph))
    data = read_file(graph, streams=True)
    catalog, files = settings.catalog(graph), files_of(graph, data, settings.options)
    result = compile_graph(data, shown(graph), catalog, settings.options, lock_of(graph), files=files)
    return result.interface.name, contract_of(result.files, shown(graph))


def _package(folder: Path) -> Contract:
    read = {name: read_in(folder, name) for name in FILES}
    files = {name: data.decode("utf-8", "replace") for name, data in read.items() if data is not None}
    return contract_of(files, shown(folder))


def _compared(a: _Side, b: _Side) -> dict[str, tuple[Change, ...]]:
    """The changes by package name; under "" if both are single."""
    if a.single is not None and b.single is not None:
        return {"": diff_contracts(a.single, b.single)}
    if a.single is not None or b.single is not None:
        one, folder = (a, b) if a.single is not None else (b, a)
        raise click.UsageError(
            f"{folder.path} is a folder and {one.path} a single one: "
            f"name one of {', '.join(folder.packages)} in the folder."
        )
    found: dict[str, tuple[Change, ...]] = {}
    for name in sorted({**a.packages, **b.packages}):
        before, after = a.packages.get(name), b.packages.get(name)
        if before is None:
            found[name] = (_whole("added", breaking=False),)
        elif after is None:
            found[name] = (_whole("removed", breaking=True),)
        else:
            found[name] = diff_contracts(before, after)
    return found


def _whole(kind: str, *, breaking: bool) -> Change:
    text = f"the package is {'gone' if breaking else 'new'}"
    return Change(kind=kind, path="", breaking=breaking, before=None, after=None, text=text)


def _text(a: str, b: str, found: Mapping[str, tuple[Change, ...]], breaking: int) -> str:
    lines = [f"{a} -> {b}"]
    for name, changes in found.items():
        if name and changes:
            lines.append(name)
        lines += aligned([("breaking" if one.breaking else "compatible", one.path, one.text) for one in changes], 60)
    total = sum(map(len, found.values()))
    lines.append(
        f"{total} change{'' if total == 1 else 's'}, {breaking} breaking" if total else "no change in the interface"
    )
    return "\n".join(lines) + "\n"
