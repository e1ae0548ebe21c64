"""run: a package's own handler on one input."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import cast

import click

from comfy2runpod.cli.exits import REFUSED
from comfy2runpod.cli.graphs import read_file, shown
from comfy2runpod.cli.say import say
from comfy2runpod.diagnostics import CompileError, Locus
from comfy2runpod.errors.files import BadInputArgument
from comfy2runpod.ir.json import Json, json_document
from comfy2runpod.run_package import media_fields, run_package
from comfy2runpod.write import write_bytes, write_text


@click.command("run")
@click.argument("package", type=click.Path(path_type=Path))
@click.option(
    "--input", "given", required=True,
    help="The job's input: JSON, or a file that holds it (@FILE or FILE). A picture may be @FILE in it.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("output"), show_default=True,
    help="The folder that gets the media and response.json.",
)  # fmt: skip
@click.option("--comfyui", metavar="URL", help="A running ComfyUI. Default: the simulator, which runs no model.")
def run_command(package: Path, given: str, output: Path, comfyui: str | None) -> None:
    """Run PACKAGE's own handler on one input, on the simulator or a real ComfyUI."""
    answer = run_package(package, _with_files(_job_input(given), package), comfyui)
    for name, data in answer.media.items():
        write_bytes(data, output / name)
    write_text(json_document(answer.rest), output / "response.json")
    if answer.failed:
        say(json_document(answer.rest), err=True, nl=False)
        raise click.exceptions.Exit(REFUSED)
    for name, data in answer.media.items():
        say(f"{output / name}: {len(data):,} bytes")
    for name, value in answer.rest.items():
        if f"{value}" not in answer.media:
            say(f"  {name}: {value}")
    if comfyui is None:
        say("  SIMULATED: placeholder media of the size that the prompt implies; no model was run.")


COMMANDS = (run_command,)


def _with_files(job_input: Json, package: Path) -> Json:
    """The input with every `@FILE` in a media field replaced by what the file holds, as base64."""
    if not isinstance(job_input, dict):
        return job_input
    fields = media_fields(package)
    return {
        name: base64.b64encode(read_file(Path(value[1:]))).decode("ascii")
        if name in fields and isinstance(value, str) and value.startswith("@")
        else value
        for name, value in job_input.items()
    }


def _job_input(given: str) -> Json:
    """The --input: JSON text, @FILE or FILE; a file that holds a whole request gives its `input`."""
    path = Path(given.removeprefix("@"))
    named = given.startswith("@") or (not given.lstrip().startswith(("{", "[", '"')) and path.exists())
    text = read_file(path).decode("utf-8", "replace") if named else given
    try:
        value = cast(Json, json.loads(text))
    except ValueError as error:
        at = Locus(shown(path) if named else "--input")
        raise CompileError([BadInputArgument(at=at, problem=str(error))]) from None
    if named and isinstance(value, dict) and value.keys() == {"input"}:
        return value["input"]
    return value
