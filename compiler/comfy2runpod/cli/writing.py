"""Shared by commands that write: --force, the warnings about replaced files, and which files may be replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from comfy2runpod.cli.report import Command
from comfy2runpod.diagnostics import Diagnostic, Locus
from comfy2runpod.errors.files import Overwritten, StillThere
from comfy2runpod.read_files import shown
from comfy2runpod.write import Replaceable, Written
from comfy2runpod_contract.json_types import JsonObject


def _json(data: bytes) -> JsonObject:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_prompt(data: bytes) -> bool:
    nodes = _json(data)
    return bool(nodes) and all(isinstance(node, dict) and "class_type" in node for node in nodes.values())


def _replaceable(test: Callable[[bytes], bool], what: str, *, beside: bool = False) -> Replaceable:
    return Replaceable(test, f"a file that is no {what} has this name", beside=beside)


# Files whose names come from us or the command line: replaced if their content is of our format.
PROMPTS = _replaceable(_is_prompt, "prompt")
REFUSALS = _replaceable(lambda data: isinstance(_json(data).get("diagnostics"), list), "list of what was refused")
LOCKS = _replaceable(lambda data: _json(data).keys() == {"version", "files"}, "model lock", beside=True)
CATALOGS = _replaceable(lambda data: isinstance(_json(data).get("classes"), dict), "catalog")


def force_option(command: Command) -> Command:
    """--force of every command that writes a folder; the command gets it as `force`."""
    return click.option(
        "--force", is_flag=True,
        help="Replace files that were changed by hand or are not ours. Files with other names are always kept.",
    )(command)  # fmt: skip


def told_of(written: Written, folder: Path) -> Iterator[Diagnostic]:
    """Warnings about files in a folder that was written."""
    if written.overwritten:
        yield Overwritten(at=Locus(shown(folder)), files=written.overwritten)
    if written.kept:
        yield StillThere(at=Locus(shown(folder)), files=written.kept)
