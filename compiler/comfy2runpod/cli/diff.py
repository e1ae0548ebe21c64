"""diff: what changed between two interfaces, and whether it breaks callers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click

from comfy2runpod.author.contract import FILES, Contract, contract_of
from comfy2runpod.author.contract_diff import Change, diff_contracts
from comfy2runpod.catalog.text import aligned
from comfy2runpod.cli.exits import REFUSED
from comfy2runpod.cli.graphs import Settings, graph_options, lock_of, read_file, shown
from comfy2runpod.cli.packages import package_folders
from comfy2runpod.cli.report import data_format_option, data_or_refusal
from comfy2runpod.cli.say import say
from comfy2runpod.ir.json import Json, json_document
from comfy2runpod.pipeline import compile_graph
from comfy2runpod.write import MARKER


@click.command("diff")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@graph_options
@click.option("--fail-on", type=click.Choice(["breaking"]), help="Exit with 1 if a change would break a caller of A.")
@data_format_option
def diff_command(a: Path, b: Path, settings: Settings, fail_on: str | None, form: str) -> None:
    """Show what changed in the interface from A to B, each a graph, a package, or a folder of packages.

    A change is breaking if a request that A takes may be refused by B, or an answer of B may lack what A's has.
    """
    with data_or_refusal(form):
        found = _compared(_contracts(a, settings), _contracts(b, settings))
    breaking = sum(change.breaking for changes in found.values() for change in changes)
    if form == "json":
        data = {name: [change.to_json() for change in changes] for name, changes in found.items()}
        changed = cast(Json, data if any(found) else data.get("", []))
        whole: Json = {"a": shown(a), "b": shown(b), "breaking": breaking, "changes": changed}
        say(json_document(whole), nl=False)
    else:
        say(_text(shown(a), shown(b), found, breaking), nl=False)
    if breaking and fail_on == "breaking":
        raise click.exceptions.Exit(REFUSED)


COMMANDS = (diff_command,)


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: a single interface, or a package each under its name."""

    path: str
    single: Contract | None
    packages: Mapping[str, Contract]


def _contracts(path: Path, settings: Settings) -> _Side:
    if not path.is_dir():
        data = read_file(path)
        result = compile_graph(data, shown(path), settings.catalog(path), settings.options, lock_of(path))
        return _Side(shown(path), contract_of(result.files, shown(path)), {})
    if (path / MARKER).exists():
        return _Side(shown(path), _package(path), {})
    return _Side(shown(path), None, {folder.name: _package(folder) for folder in package_folders(path)})


def _package(folder: Path) -> Contract:
    files = {name: read_file(folder / name).decode("utf-8", "replace") for name in FILES if (folder / name).exists()}
    return contract_of(files, shown(folder))


def _compared(a: _Side, b: _Side) -> dict[str, tuple[Change, ...]]:
    """The changes by package name; under "" if both are single."""
    if a.single is not None and b.single is not None:
        return {"": diff_contracts(a.single, b.single)}
    if a.single is not None or b.single is not None:
        one, folder = (a, b) if a.single is not None else (b, a)
        raise click.UsageError(
            f"{folder.path} is a folder of packages and {one.path} a single one: "
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
