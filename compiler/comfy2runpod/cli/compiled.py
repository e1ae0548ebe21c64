"""The summary of a compiled package: its inputs and outputs, what it needs, and the next steps."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from comfy2runpod.cli.front import NAME
from comfy2runpod.diagnostics import Diagnostic, Locus
from comfy2runpod.errors.models import ModelSizeUnknown
from comfy2runpod.ir.interface import ImageSettings, Interface, Model
from comfy2runpod.pipeline import CompileResult
from comfy2runpod.stages.emit.needs import container_disk_gb, fetched, model_bytes
from comfy2runpod_contract.texts import unbroken

_GIGABYTE, _MEGABYTE = 1e9, 1e6
_MOST_NAMES = 3


def summary(result: CompileResult, folder: Path, *, verbose: bool) -> str:
    """A summary of a package, in a few lines."""
    interface = result.interface
    fields = [f"{field.name}{' (required)' if field.required else ''}" for field in interface.fields]
    outputs = [f"{output.name} ({output.media_type})" for output in interface.outputs]
    files = f"{len(result.files)} written"
    lines = [
        f"{folder}: {interface.title}",
        f"  inputs   {', '.join(fields) or 'none'}",
        f"  outputs  {', '.join(outputs)}",
        f"  models   {_models(interface.models)}",
        *_unlocked_lines(interface.models),
        f"  disk     {_disk(interface)}",
        *_image_lines(interface.image),
        f"  files    {files}",
        *([f"    {path}" for path in sorted(result.files)] if verbose else []),
    ]
    return "\n".join(lines)


def size_warnings(result: CompileResult, graph: str) -> list[Diagnostic]:
    """A warning that the disk has no room for models of unknown size."""
    unknown = tuple(model.file for model in fetched(result.interface.models) if model_bytes(model) is None)
    disk = container_disk_gb(result.interface)
    return [ModelSizeUnknown(at=Locus(graph), files=unknown, disk_gb=disk)] if unknown else []


def next_steps(compiled: Sequence[tuple[Path, CompileResult]], output: Path) -> str:
    """The next steps as commands to copy. `compiled` are the graphs with the result of each."""
    first = output / compiled[0][1].interface.name
    unlocked = [graph for graph, result in compiled if _unlocked(result.interface.models)]
    steps: list[tuple[str, list[str]]] = []
    if unlocked:
        steps.append(("pin the models", ["lock", *map(str, unlocked)]))
    run = ["run", str(first), "--input", f"@{first / 'test_input.json'}", "-o", str(Path("output") / first.name)]
    steps.append(("try it here", run))
    steps.append(("as an endpoint", ["serve", str(first if len(compiled) == 1 else output)]))
    steps.append(("its image", ["build", str(first)]))
    called = how_called()
    lines = [f"  {what:16}{called} {' '.join(map(_quoted, words))}" for what, words in steps]
    return "\n".join(["Next:", *lines])


def how_called() -> str:
    """How to call this program: its plain name if the shell finds it, else as it was called now."""
    if shutil.which(NAME) is not None:
        return NAME
    if os.path.basename(sys.argv[0]) == NAME:  # noqa: PTH119 - `./comfy2runpod` is to stay as it is
        return shlex.quote(sys.argv[0])
    return f"{shlex.quote(sys.orig_argv[0])} -m {NAME}"


def _quoted(word: str) -> str:
    # `@` has no special meaning in a shell.
    return unbroken(word if word[:1] == "@" and shlex.quote(word[1:]) == word[1:] else shlex.quote(word))


def _models(models: Sequence[Model]) -> str:
    if not models:
        return "none"
    sizes = [model_bytes(model) for model in models]
    count = f"{len(models)} file{'' if len(models) == 1 else 's'}"
    known = sum(size for size in sizes if size is not None)
    about = "" if all(model.size for model in models) else "about "
    text = f"{count}, size not known" if not known else f"{count}, {about}{_bytes(known)}"
    if known and None in sizes:
        text += f" and {sizes.count(None)} of unknown size"
    return text if _unlocked(models) or not fetched(models) else f"{text}; all locked"


def _unlocked_lines(models: Sequence[Model]) -> list[str]:
    """The models without a checksum, so that workers cannot verify what they download."""
    names = _unlocked(models)
    more = len(names) - _MOST_NAMES
    shown = [*names[:_MOST_NAMES], *([f"and {more} more"] if more > 0 else [])]
    return [f"  {'' if number else 'unlocked':8} {name}" for number, name in enumerate(shown)]


def _image_lines(image: ImageSettings) -> list[str]:
    """What the image gets more than those of other packages, a line each kind: all of it, so that it is seen."""
    added = {
        "files": [f"{one.source} -> {one.path}" for one in image.files],
        "Python packages": [f"{one.name}=={one.version}" for one in image.pip],
        "Debian packages": [*image.apt],
    }
    lines = [f"{kind} {', '.join(names)}" for kind, names in added.items() if names]
    return [f"  {'' if number else 'image':8} {line}" for number, line in enumerate(lines)]


def _disk(interface: Interface) -> str:
    own = interface.runpod.container_disk_gb
    whole = container_disk_gb(interface)
    unknown = sum(model_bytes(model) is None for model in fetched(interface.models))
    text = f"{whole} GB a worker" + (f": {own} GB and the models" if whole > own else "")
    return text + (f", but {unknown} of them not counted: size not known" if unknown else "")


def _unlocked(models: Sequence[Model]) -> list[str]:
    return [model.file for model in fetched(models) if model.size is None or model.sha256 is None]


def _bytes(count: int) -> str:
    return f"{count / _GIGABYTE:.1f} GB" if count >= _GIGABYTE else f"{count / _MEGABYTE:.0f} MB"
