"""catalog refresh and catalog show: making catalogs of node classes, and looking them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from comfy2runpod.catalog.classes import Catalog, load_catalog
from comfy2runpod.catalog.layers import is_of_a_pack, pack_folder
from comfy2runpod.catalog.object_info import MAX_ANSWER, catalog_json, parse_answer
from comfy2runpod.catalog.refresh import Refreshed, refresh
from comfy2runpod.catalog.text import class_json, class_text
from comfy2runpod.cli.graphs import catalog_option
from comfy2runpod.cli.progress import progress
from comfy2runpod.cli.report import data_format_option, data_or_refusal
from comfy2runpod.cli.say import say
from comfy2runpod.cli.terminal import terminal
from comfy2runpod.cli.writing import CATALOGS
from comfy2runpod.comfyui_server import ServerError, ask_server
from comfy2runpod.diagnostics import CompileError, Locus, UnreachableError, nearest, shorten
from comfy2runpod.editor import PROFILES, profile_of_version
from comfy2runpod.errors.catalog import BadObjectInfo, NoSuchClass, NoSuchPack
from comfy2runpod.json_text import json_document
from comfy2runpod.read_files import layered_catalog, read_file, shown
from comfy2runpod.write import write_text
from comfy2runpod_contract.json_types import JsonObject


@click.group("catalog")
def catalog_group() -> None:
    """Node classes: look one up, or make a catalog for node packs."""


@catalog_group.command("refresh")
@click.option(
    "--from", "source", required=True, metavar="URL|FILE", help="A running ComfyUI, or its saved /object_info."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The catalog file. Default: standard output.",
)
@click.option("--pack", "packs", metavar="NAME", multiple=True, help="Only the classes of this node pack. Repeatable.")
@click.option("--packs-only", is_flag=True, help="Only the classes of node packs, not ComfyUI's own.")
@click.option("--comfyui", metavar="VERSION", help="The server's version. Default: what it says.")
@click.option(
    "--commit",
    metavar="SHA",
    help="The commit of that version. Default: the shipped catalog's, if it is the same version.",
)
@click.option(
    "--editor", type=click.Choice(sorted(PROFILES)), help="The editor of that version. Default: what it says."
)
@click.option(
    "--order", type=click.Path(path_type=Path, dir_okay=False),
    help="A saved answer of the same server in its own order, if the keys of --from were sorted.",
)  # fmt: skip
def refresh_command(
    source: str,
    output: Path | None,
    packs: tuple[str, ...],
    comfyui: str | None,
    commit: str | None,
    editor: str | None,
    order: Path | None,
    *,
    packs_only: bool,
) -> None:
    """Make a catalog of a server's node classes.

    \b
    comfy2runpod catalog refresh --from http://127.0.0.1:8188 --packs-only \\
        -o graphs/catalog/packs.json

    The same answer always gives the same file. Files that lie on the server are told from an input's choices and left
    out; a catalog that was named with -o is replaced whole.
    """
    known = load_catalog()
    with progress(terminal(), f"Asking {source}"):
        answer = _ask(source)
    result = _refreshed(answer, order, known)
    chosen = _chosen(result.classes, packs, known, source, packs_only=packs_only)
    version = comfyui or answer.comfyui
    profile = editor or answer.editor
    if version == known.comfyui:
        commit, profile = commit or known.commit, profile or known.editor
    text = catalog_json(chosen, comfyui=version, commit=commit, editor=profile)
    if output is None:
        say(text, nl=False)
    else:
        write_text(text, output, CATALOGS)
    terminal().say(_summary(result, chosen, version, output))


@catalog_group.command("show")
@click.argument("class_type", metavar="CLASS")
@catalog_option
@data_format_option
def show_command(class_type: str, catalogs: tuple[Path, ...], form: str) -> None:
    """Show what is known of a node class: its inputs, their bounds and choices, its outputs.

    \b
    comfy2runpod catalog show KSampler
    """
    with data_or_refusal(form):
        catalog = layered_catalog(catalogs)
        node_class, raw = catalog.get(class_type), catalog.raw(class_type)
        if node_class is None or raw is None:
            near = nearest(class_type, catalog)
            at = Locus(", ".join(["the shipped catalog", *map(shown, catalogs)]))
            raise CompileError([NoSuchClass(at=at, class_type=class_type, comfyui=catalog.comfyui, near=near)])
    if form == "json":
        say(json_document(class_json(class_type, raw, catalog)), nl=False)
    else:
        say(class_text(node_class, catalog), nl=False)


# Of classes that are omitted, or inputs of which a folder is not known.
_MOST_TOLD = 50

COMMANDS = (catalog_group,)


@dataclass(frozen=True, slots=True)
class _Answer:
    at: str
    data: bytes
    comfyui: str | None
    editor: str | None
    listings: Mapping[str, tuple[str, ...]]


def _ask(source: str) -> _Answer:
    if not source.startswith(("http://", "https://")):
        path = Path(source)
        return _Answer(shown(path), read_file(path, MAX_ANSWER, streams=True), None, None, {})
    try:
        told = ask_server(source)
    except ServerError as error:
        if error.unreachable:
            raise UnreachableError(error.diagnostic) from error
        raise CompileError([error.diagnostic]) from error
    profile = profile_of_version(told.editor)
    return _Answer(source, told.object_info, told.comfyui, profile.name if profile else None, told.listings)


def _refreshed(answer: _Answer, order: Path | None, known: Catalog) -> Refreshed:
    try:
        classes = parse_answer(answer.data, None if order is None else read_file(order, MAX_ANSWER))
    except ValueError as error:
        raise CompileError([BadObjectInfo(at=Locus(answer.at), problem=str(error))]) from None
    return refresh(classes, known, answer.listings)


def _chosen(
    classes: Mapping[str, JsonObject], packs: tuple[str, ...], known: Catalog, source: str, *, packs_only: bool
) -> Mapping[str, JsonObject]:
    """The requested classes."""
    if not packs and not packs_only:
        return classes
    of_packs = {name: entry for name, entry in classes.items() if is_of_a_pack(name, entry, known)}
    if not packs:
        return of_packs
    folders = {_folded(folder): folder for entry in of_packs.values() if (folder := pack_folder(entry)) is not None}
    for pack in packs:
        if _folded(pack) not in folders:
            there = tuple(sorted(folders.values()))
            raise CompileError([NoSuchPack(at=Locus(source), pack=pack, near=nearest(pack, there), known=there)])
    wanted = {_folded(pack) for pack in packs}
    return {name: entry for name, entry in of_packs.items() if _folded(pack_folder(entry) or "") in wanted}


def _folded(pack: str) -> str:
    """A pack's name as the registry, its repository and its folder may write it."""
    return pack.rpartition("/")[2].casefold().replace("_", "-")


def _summary(result: Refreshed, chosen: Mapping[str, JsonObject], version: str | None, output: Path | None) -> str:
    lines = [
        f"{shown(output) if output else 'catalog'}: {len(chosen)} classes of ComfyUI {version or 'of unknown version'}"
    ]
    if version is None:
        lines.append("  note: the answer does not tell ComfyUI's version; say it with --comfyui")
    omitted = [f"  omitted: {shorten(name)}, which cannot be read ({why})" for name, why in result.unreadable.items()]
    lines += omitted[:_MOST_TOLD]
    if len(omitted) > _MOST_TOLD:
        lines.append(f"  omitted: {len(omitted) - _MOST_TOLD:,} more")
    untold = [f"{name}.{path}" for name, path in result.unknown_folders if name in chosen]
    if untold:
        more = f" and {len(untold) - _MOST_TOLD:,} more" if len(untold) > _MOST_TOLD else ""
        lines.append(f"  folder not told: {', '.join(untold[:_MOST_TOLD])}{more}")
        lines.append("    say `models: {FILE: {directory: …}}` in the note of a graph that uses one")
    return "\n".join(lines)
