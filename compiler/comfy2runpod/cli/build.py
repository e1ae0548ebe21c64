"""build: a package's image, by the container engine that is here."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from comfy2runpod.amounts import size_in_bytes
from comfy2runpod.cli.chosen import options_of, typed
from comfy2runpod.cli.graphs import catalog_option, files_of, lock_of, picture_of
from comfy2runpod.cli.progress import progress
from comfy2runpod.cli.say import say
from comfy2runpod.cli.terminal import Terminal, terminal
from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.build import (
    BaseByTag,
    BuiltAsChanged,
    OptionsUnknown,
    PackageIncomplete,
    PackageIsOlder,
    named,
)
from comfy2runpod.git import commit_of
from comfy2runpod.image_build.baking import models_to_bake
from comfy2runpod.image_build.drift import drifted, graph_of, look
from comfy2runpod.image_build.engines import NAMES, Build, Engine, build_command, find_engine, push_command, run_engine
from comfy2runpod.image_build.origin import source_of
from comfy2runpod.image_build.registry import NoDigest, digest_of
from comfy2runpod.package_documents import ModelEntry
from comfy2runpod.package_folder import read_in
from comfy2runpod.pipeline import compile_graph
from comfy2runpod.read_files import catalogs_in, layered_catalog, read_file, shown
from comfy2runpod.write import Chosen, package_files
from comfy2runpod.write.manifest import Manifest
from comfy2runpod_contract.model_urls import MODEL_TOKENS

# What a Dockerfile says of its base, in a line that the compiler wrote.
_BASE = re.compile(r"^ARG BASE=(\S+)$", re.MULTILINE)
_SYSTEM = "system="


def _size(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    size = size_in_bytes(text)
    if not size:
        raise click.BadParameter(f"{text!r} is no size such as 500MB or 2GB.")
    return size


@click.command("build")
@click.argument("package", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "-t", "--tag", "tags", multiple=True, metavar="NAME", help="The image's name. Default: the package's. Repeatable."
)
@click.option("--push", is_flag=True, help="Push each tag to its registry when the image is built.")
@click.option("--engine", type=click.Choice(NAMES), help="What builds. Default: the first of them that is here.")
@click.option(
    "--graph", type=click.Path(path_type=Path, dir_okay=False), help="The package's graph, if it lies elsewhere."
)
@catalog_option
@click.option("--base", metavar="IMAGE", help="Build on an image that --only-base built before.")
@click.option("--only-base", is_flag=True, help="Build what packages of one ComfyUI have in common.")
@click.option(
    "--bake", metavar="SIZE", callback=_size, help="Put models of up to SIZE each, such as 500MB, into the image."
)
@click.option("--build-context", "contexts", multiple=True, metavar="NAME=VALUE", help="For the engine. Repeatable.")
@click.option("--engine-arg", "engine_arguments", multiple=True, metavar="WORD", help="For the engine. Repeatable.")
@click.option("--force", is_flag=True, help="Build a package that its graph would not be compiled to any more.")
def build_command_line(
    package: Path,
    *,
    tags: tuple[str, ...],
    push: bool,
    engine: str | None,
    graph: Path | None,
    catalogs: tuple[Path, ...],
    base: str | None,
    only_base: bool,
    bake: int | None,
    contexts: tuple[str, ...],
    engine_arguments: tuple[str, ...],
    force: bool,
) -> None:
    """Build the image of PACKAGE, from its folder alone, by docker, podman or buildah.

    \b
    comfy2runpod build generated/t2v_ltx2 --tag ghcr.io/me/t2v_ltx2:1 --push

    The package is compared first with what its graph compiles to, with the options that it was compiled with. The base
    is named by its digest if its registry tells it.
    """
    _check_options(tags, contexts, push=push, only_base=only_base, base=base, bake=bake)
    found = look(package)
    if found.missing:
        raise CompileError([PackageIncomplete(at=Locus(shown(package)), missing=found.missing)])
    if found.changed:
        terminal().diagnose([BuiltAsChanged(at=Locus(shown(package)), files=found.changed)])
    dockerfile = (read_in(package, "Dockerfile") or b"").decode("utf-8", "replace")
    if not force:
        _check_graph(package, found.written, graph, catalogs)
    baked = () if bake is None else models_to_bake(package, bake)
    chosen = find_engine(engine)
    name = package.resolve().name
    made = Build(
        folder=package,
        tags=tags or (f"{name}-base" if only_base else name,),
        arguments=({} if base is not None else _base_argument(package, dockerfile, contexts)) | _bake_arguments(bake),
        labels={} if only_base else _origin_labels(package),
        contexts=contexts,
        base=base,
        target="base" if only_base else "",
        secrets=tuple(name for name in MODEL_TOKENS if baked and os.environ.get(name)),
        more=engine_arguments,
    )
    _run(chosen, build_command(chosen, made), f"Building {made.tags[0]}")
    for tag in made.tags:
        say(f"{tag}: built by {chosen.name}" + _told(baked))
        if push:
            _run(chosen, push_command(chosen, tag), f"Pushing {tag}")
            say(f"{tag}: pushed")


def _check_options(
    tags: tuple[str, ...], contexts: tuple[str, ...], *, push: bool, only_base: bool, base: str | None, bake: int | None
) -> None:
    """Refuses what no engine would take as it is meant."""
    if push and not tags:
        raise click.UsageError("--push needs a --tag with the registry's name, such as ghcr.io/me/NAME:1.")
    if only_base and base:
        raise click.UsageError("--base and --only-base exclude each other.")
    if only_base and bake is not None:
        raise click.UsageError("--bake and --only-base exclude each other: a base has no models.")
    for tag in (*tags, *([base] if base else [])):
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]*", tag) is None:
            raise click.BadParameter(f"{tag!r} is no name of an image.", param_hint="--tag or --base")
    for context in contexts:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:/-]*=.+", context) is None:
            raise click.BadParameter(f"{context!r} is not NAME=VALUE.", param_hint="--build-context")


def _check_graph(package: Path, written: Manifest, graph: Path | None, catalogs: tuple[Path, ...]) -> None:
    """Refuses a package that its graph would not be compiled to now; where a file for that is not found, says so."""
    place = graph or (graph_of(package, written.graph.name) if written.graph is not None else None)
    if place is None:
        terminal().say(
            f"{shown(package)}: its graph was not found, so that it is not compared with it (--graph names it)"
        )
        return
    chosen = written.options
    if chosen.catalogs and not catalogs:
        # A package names no file that is read.
        names = typed(Chosen(catalogs=chosen.catalogs))
        terminal().say(
            f"{shown(package)}: it was compiled with {names}, which is not given here, so that it is not compared with "
            "its graph"
        )
        return
    try:
        options = options_of(chosen)
    except ValueError as error:
        problem = OptionsUnknown(at=Locus(shown(package)), options=typed(chosen), problem=str(error))
        raise CompileError([problem]) from None
    catalog = layered_catalog((*catalogs_in(place.parent), *catalogs))
    data = read_file(place)
    result = compile_graph(
        data,
        shown(place),
        catalog,
        options,
        lock_of(place),
        picture=picture_of(place),
        files=files_of(place, data, options),
    )
    differing = drifted(written, package_files(result.files).items())
    if differing:
        raise CompileError(
            [PackageIsOlder(at=Locus(shown(package)), graph=shown(place), files=differing, options=typed(chosen))]
        )


def _base_argument(package: Path, dockerfile: str, contexts: tuple[str, ...]) -> dict[str, str]:
    """The build argument that names the base by its digest; none where it is not known or not needed."""
    base = _BASE.search(dockerfile)
    if base is None or any(one.startswith(_SYSTEM) for one in contexts):
        return {}
    try:
        return {"BASE": f"{base[1]}@{digest_of(base[1])}"}
    except NoDigest as error:
        terminal().diagnose([BaseByTag(at=Locus(shown(package / "Dockerfile")), base=base[1], problem=str(error))])
        return {}


def _bake_arguments(bake: int | None) -> dict[str, str]:
    """What the Dockerfile's step for models is told: the largest size, and the user's own hub."""
    if bake is None:
        return {}
    hub = os.environ.get("HF_ENDPOINT")
    return {"BAKE": str(bake)} | ({"HF_ENDPOINT": hub} if hub else {})


def _told(baked: Sequence[ModelEntry]) -> str:
    total = sum(model.size or 0 for model in baked)
    return f", with {named([model.file for model in baked])} ({total:,} bytes)" if baked else ""


def _origin_labels(package: Path) -> dict[str, str]:
    """Where the package comes from, as far as git knows.

    Not as the Dockerfile's arguments: buildah takes a step from its cache whatever an argument's value is, and so an
    image would be labelled with the commit of an earlier one.
    """
    told = {"revision": commit_of(package), "source": source_of(package)}
    return {f"org.opencontainers.image.{key}": value for key, value in told.items() if value}


def _run(engine: Engine, command: list[str], what: str) -> None:
    """An engine's command, its lines as progress, or with -v as they are."""
    shown_on: Terminal = terminal()
    if shown_on.verbose:
        shown_on.tell(shlex.join(command))
    with progress(shown_on, what) as steps:

        def said(line: str) -> None:
            if shown_on.verbose:
                shown_on.tell(line)
            elif re.match(r"(\[\d+/\d+\] )?STEP |#\d+ \[", line):
                steps.at(line)

        run_engine(engine, command, os.environ, said)


COMMANDS = (build_command_line,)
