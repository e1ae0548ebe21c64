"""run: runs a package's handler on one input."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from comfy2runpod.cli.exits import REFUSED, UNREACHABLE
from comfy2runpod.cli.progress import Steps, progress
from comfy2runpod.cli.report import data_format_option, data_or_refusal
from comfy2runpod.cli.say import say
from comfy2runpod.cli.simulated import comfyui_option, simulated
from comfy2runpod.cli.terminal import Terminal, terminal
from comfy2runpod.cli.writing import force_option
from comfy2runpod.diagnostics import CompileError, Locus, UnreachableError
from comfy2runpod.errors.files import BadInputArgument, CannotRead, JobFailed, NoInputFile
from comfy2runpod.job_input import input_and_rest
from comfy2runpod.job_process import Listener, Update
from comfy2runpod.json_text import json_document
from comfy2runpod.read_files import read_file, shown
from comfy2runpod.strict_json import strict_json
from comfy2runpod_contract.json_types import Json, JsonObject

if TYPE_CHECKING:
    from comfy2runpod.run_package import Answer

# What a job does after it has reached a state.
_DOING = {
    "received": "checking the input",
    "validated": "fetching input files",
    "fetched": "waiting for ComfyUI",
    "ready": "queueing",
    "queued": "waiting in ComfyUI's queue",
    "running": "running",
    "ran": "collecting the files",
    "collected": "measuring the files",
    "measured": "handing over",
}
_UNREACHABLE = "comfyui_unavailable"
_RESPONSE = "response.json"
_LONGEST_PATH = 1024
_NUMBER = re.compile(r"-[0-9]+$")
_JSON_BEGINS = ("{", "[", '"')
# Facts that the line about a file words itself, and those that are only in response.json.
_SHORT = frozenset({"media_type", "bytes", "width", "height", "frame_count", "duration_seconds"})
_LONG = frozenset({"sha256", "data"})


@click.command("run")
@click.argument("package", type=click.Path(path_type=Path))
@click.option(
    "--input", "given", required=True, metavar="JSON|FILE",
    help="The job's input, or a request {\"input\": …}: JSON, or a file that holds it (@FILE or FILE). An image or a "
    "video in it may be a file of this machine: {\"image\": \"@photo.png\"}.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("output"), show_default=True,
    help="The folder for the media and response.json.",
)  # fmt: skip
@force_option
@comfyui_option
@data_format_option
def run_command(package: Path, given: str, output: Path, comfyui: str | None, form: str, *, force: bool) -> None:
    """Run PACKAGE's own handler on one input, on the simulator or a real ComfyUI.

    \b
    comfy2runpod run generated/t2v_ltx2 --input '{"prompt": "a cat"}' -o out
    comfy2runpod run generated/t2v_ltx2 --input @request.json \\
        --comfyui http://127.0.0.1:8188

    The media come as files into DIR, and the answer, with the seed and what was measured on each file, as
    DIR/response.json. Of the files in DIR, only those that an earlier run wrote are replaced. With --format json,
    standard output has the answer too.
    """
    screen = terminal()
    with data_or_refusal(form):
        _check_package(package)
        plain = _job_input(given, screen)
        job_input = _with_files(plain, package)
        _check_room(package, output, force=force)
        if comfyui is None:
            screen.say(simulated())
        answer = _answer(package, job_input, comfyui, screen)
        _write(answer, output, force=force)
    if form == "json":
        say(json_document(answer.rest), nl=False)
    if answer.failed:
        failed = _failure(answer.rest, package, _named_files(plain, package))
        if form == "text":
            screen.diagnose([failed])
        raise click.exceptions.Exit(UNREACHABLE if failed.fault == _UNREACHABLE else REFUSED)
    if form == "text":
        say(_summary(answer, output, simulated=comfyui is None))


COMMANDS = (run_command,)


class _Shown(Listener):
    """Shows a job's progress and its worker's log."""

    def __init__(self, steps: Steps, screen: Terminal) -> None:
        self._steps = steps
        self._terminal = screen
        self._node = ""
        self._since = 0.0

    def update(self, update: Update) -> None:
        """Shows a state of the job."""
        if update.state in _DOING:
            self._steps.at(_DOING[update.state])
        if update.percent is not None:
            self._steps.reach(update.percent)
        if update.node is not None:
            if update.node != self._node or update.step is None:
                self._node, self._since = update.node, time.monotonic()
            self._steps.at(" ".join(filter(None, [update.node, self._steps_of(update)])))

    def log(self, line: str) -> None:
        """Prints a line of the worker's log."""
        self._terminal.tell(line)

    def _steps_of(self, update: Update) -> str:
        if update.step is None or update.of is None:
            return ""
        seconds = time.monotonic() - self._since
        text = f"{update.step}/{update.of}"
        if update.step > 1 and seconds > 1:
            rate = update.step / seconds
            text += f" {rate:.1f}/s, {(update.of - update.step) / rate:.0f} s left"
        return text


def _answer(package: Path, job_input: Json, comfyui: str | None, screen: Terminal) -> Answer:
    # Takes a quarter of a second, which should not delay the first line.
    with progress(screen, "Running", 100, "%") as steps:
        steps.at("starting the worker")
        from comfy2runpod.run_package import run_package  # noqa: PLC0415

        return run_package(package, job_input, comfyui, _Shown(steps, screen), verbose=screen.verbose)


def _check_package(package: Path) -> None:
    from comfy2runpod.run_package import check_package  # noqa: PLC0415 - as above

    check_package(package)


def _check_room(package: Path, output: Path, *, force: bool) -> None:
    """Refuses an output folder that cannot take the answer, before the job is run."""
    from comfy2runpod.run_package import output_names  # noqa: PLC0415 - as above
    from comfy2runpod.write import check_room  # noqa: PLC0415 - as above

    outputs = output_names(package)

    def may_be_made(name: str) -> bool:
        # `image.png`, `image-3.png`
        return name == _RESPONSE or _NUMBER.sub("", name.rpartition(".")[0]) in outputs

    check_room(output, may_be_made, force=force)


def _write(answer: Answer, output: Path, *, force: bool) -> None:
    from comfy2runpod.write import write_results  # noqa: PLC0415 - as above

    response = json_document(answer.rest).encode("utf-8", "replace")
    write_results({**answer.media, _RESPONSE: response}, output, force=force)


def _failure(rest: JsonObject, package: Path, files: tuple[tuple[str, str], ...]) -> JobFailed:
    error = rest.get("error")
    fault = error if isinstance(error, dict) else {"code": "failed", "message": f"{error}"}
    message, details = f"{fault.get('message')}", fault.get("details")
    lines = [
        f"{one.get('field') or one.get('output') or 'detail'}: {one.get('message')}"
        for one in (details if isinstance(details, list) else [])
        if isinstance(one, dict)
    ]
    return JobFailed(
        at=Locus(shown(package)),
        fault=f"{fault.get('code')}",
        message=message,
        details=tuple(line for line in lines if line not in message),
        api_page=shown(package / "docs" / "API.md"),
        files=files,
    )


def _summary(answer: Answer, output: Path, *, simulated: bool) -> str:
    """The files, where they are, and the rest of the answer."""
    lines, plain = list[str](), dict[str, Json]()
    for name, value in answer.rest.items():
        parts = value if isinstance(value, list) else [value]
        saved = [part for part in parts if isinstance(part, dict) and "data" in part]
        if saved and len(saved) == len(parts):
            lines += [_file_line(part, output) for part in saved]
        elif isinstance(value, str) and value in answer.media:
            lines.append(_file_line({**answer.rest, "data": value}, output))
        else:
            plain[name] = value
    flat = any(isinstance(value, str) and value in answer.media for value in answer.rest.values())
    hidden = _SHORT | _LONG if flat else _LONG
    facts = [(name, _fact(value)) for name, value in plain.items() if name not in hidden]
    facts.append(("answer", shown(output / _RESPONSE)))
    width = max(len(name) for name, _ in facts)
    lines += [f"  {name:{width}}  {text}" for name, text in facts]
    if simulated:
        lines.append("  SIMULATED: placeholders of the size that the prompt implies; no model ran.")
    if answer.unknown:
        lines.append("  SIZE NOT KNOWN: what ComfyUI would make may be of another size or length.")
        lines += [f"    {why}" for why in answer.unknown]
    return "\n".join(lines)


def _file_line(facts: JsonObject, output: Path) -> str:
    """A file, and what was measured on it."""
    words = [f"{facts['media_type']}"] if "media_type" in facts else []
    if "width" in facts and "height" in facts:
        words.append(f"{facts['width']} x {facts['height']}")
    if "frame_count" in facts:
        words.append(f"{facts['frame_count']} frames")
    if "duration_seconds" in facts:
        words.append(f"{facts['duration_seconds']} s")
    if isinstance(size := facts.get("bytes"), int):
        words.append(f"{size:,} bytes")
    return f"{output / str(facts['data'])}: {', '.join(words)}"


def _fact(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _with_files(job_input: Json, package: Path) -> Json:
    """The input with every `@FILE` in a media field replaced by the content of the file, as base64."""
    if not isinstance(job_input, dict):
        return job_input
    from comfy2runpod.run_package import media_fields  # noqa: PLC0415 - as above

    fields = media_fields(package)
    return {
        name: base64.b64encode(read_file(Path(value[1:]), streams=True)).decode("ascii")
        if name in fields and isinstance(value, str) and value.startswith("@")
        else value
        for name, value in job_input.items()
    }


def _named_files(job_input: Json, package: Path) -> tuple[tuple[str, str], ...]:
    """Media fields whose text is the name of an existing file, which is sent only with `@` before it."""
    from comfy2runpod.run_package import media_fields  # noqa: PLC0415 - as above

    given = job_input if isinstance(job_input, dict) else {}
    texts = [(name, given[name]) for name in sorted(media_fields(package) & given.keys())]
    return tuple((name, text) for name, text in texts if isinstance(text, str) and _is_file(text))


def _is_file(text: str) -> bool:
    try:
        return len(text) <= _LONGEST_PATH and Path(text).is_file()
    except (OSError, ValueError):
        return False


def _job_input(given: str, screen: Terminal) -> Json:
    """The --input: JSON text, @FILE or FILE, with an input or a request around one."""
    if not given.strip():
        raise CompileError([BadInputArgument(at=Locus("--input"), problem="")])
    is_text = not given.startswith("@") and given.lstrip().startswith(_JSON_BEGINS)
    path = Path(given.removeprefix("@"))
    text = given if is_text else _file_text(path)
    try:
        value = strict_json(text, unique_keys=True)
    except ValueError as error:
        at = Locus("--input" if is_text else shown(path))
        raise CompileError([BadInputArgument(at=at, problem=str(error))]) from None
    job_input, beside = input_and_rest(value)
    if left := sorted(beside.keys() - {"id"}):
        screen.say(f"note: {', '.join(left)} of the request is for RunPod, and has no effect here.")
    return job_input


def _file_text(path: Path) -> str:
    try:
        return read_file(path, streams=True).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is no UTF-8 text"
        raise CompileError([BadInputArgument(at=Locus(shown(path)), problem=problem)]) from None
    except UnreachableError as error:
        problem = error.diagnostic.problem if isinstance(error.diagnostic, CannotRead) else error.diagnostic.reason
        raise UnreachableError(NoInputFile(at=Locus(shown(path)), problem=problem)) from None
