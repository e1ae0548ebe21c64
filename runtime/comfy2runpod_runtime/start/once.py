"""One job in place of RunPod's queue: `comfy2runpod-runtime start --once`, to try an image on any machine."""

from __future__ import annotations

import base64
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.media import file_ending
from comfy2runpod_contract.messages import DATA, is_flat
from comfy2runpod_runtime.exit_codes import ExitCode

if TYPE_CHECKING:
    from comfy2runpod_runtime.outputs.base import Output

log = logging.getLogger(__name__)

_JOB_ID = "once"


class UsageError(Exception):
    """What `--once` or `--results` names cannot be used."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True, slots=True)
class Once:
    """The job that is to be run.

    Attributes:
        job: as RunPod would deliver it.
        results: the folder for its files; None leaves them in the answer, as base64.
    """

    job: JsonObject
    results: Path | None


def read_once(given: str, results: Path | None) -> Once:
    """Reads a job, and makes the folder for its results, before anything is downloaded for it.

    Args:
        given: JSON, or the path of a file that holds it: a job's input, or a request `{"input": …}`.
        results: the folder for the files; None for none.

    Raises:
        UsageError: the job is no JSON object or cannot be read, or nothing can be written into the folder.
    """
    is_text = given.lstrip().startswith("{")
    try:
        value = json.loads(given if is_text else Path(given).read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"--once: {given} cannot be read: {error.strerror}. Give a file in the container, or JSON."
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--once: {'the text' if is_text else given} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise UsageError("--once: a job's input is an object, with a value for each field.")
    request = value if isinstance(value.get("input"), dict) else {"input": value}
    if results is not None:
        try:
            results.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=results):
                pass
        except OSError as error:
            raise UsageError(
                f"--results: nothing can be written into {results}: {error.strerror}. Mount a folder that is writable."
            ) from None
    return Once({**request, "id": _JOB_ID}, results)


def report(answer: JsonObject, outputs: Sequence[Output], results: Path | None) -> int:
    """Prints an answer as JSON to standard output; its files are written into a folder, if there is one.

    Args:
        answer: of a job.
        outputs: all outputs of the package.
        results: the folder. No file in it is replaced.

    Returns:
        The exit code.
    """
    failed = "error" in answer
    if failed:
        with suppress(TypeError, ValueError):
            answer = {**answer, "error": json.loads(str(answer["error"]))}
    elif results is not None:
        try:
            answer = with_files(answer, outputs, results)
        except OSError as error:
            log.error("the results cannot be written into %s: %s", results, error.strerror)  # noqa: TRY400 - it says all
            failed = True
    sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    sys.stdout.flush()
    return ExitCode.FAILED if failed else ExitCode.ENDED


def with_files(answer: JsonObject, outputs: Sequence[Output], folder: Path) -> JsonObject:
    """The answer with the names of files that are written into a folder, in place of the files.

    Args:
        answer: of a job that has not failed.
        outputs: all outputs of the package.
        folder: where the files are written. One that is there already keeps its name: `image.png`, then `image-2.png`.

    Raises:
        OSError: a file cannot be written.
    """
    files = [output for output in outputs if output.is_file]
    if is_flat([output.many for output in outputs]):
        inline = [one.name for one in files if one.name in answer]
        return {**answer, **{name: _saved(answer[name], name, answer, folder) for name in inline}}
    saved: JsonObject = {}
    for output in files:
        match answer.get(output.name):
            case list() as items:
                saved[output.name] = [_with_file(item, output.name, folder) for item in items]
            case dict() as item:
                saved[output.name] = _with_file(item, output.name, folder)
            case _:
                # Not asked for, or failed.
                pass
    return {**answer, **saved}


def _with_file(item: Json, name: str, folder: Path) -> Json:
    if not isinstance(item, dict) or DATA not in item:
        return item
    return {**item, DATA: _saved(item[DATA], name, item, folder)}


def _saved(data: Json, name: str, facts: JsonObject, folder: Path) -> Json:
    """The name of the file that was written; what is delivered by URL stays as it is."""
    if not isinstance(data, str):
        return data
    content = base64.b64decode(data)
    for target in _names(name, file_ending(str(facts.get("media_type")))):
        with suppress(FileExistsError), (folder / target).open("xb") as file:
            file.write(content)
            return target
    raise AssertionError("names do not end")


def _names(name: str, ending: str) -> Iterator[str]:
    yield f"{name}{ending}"
    for number in count(2):
        yield f"{name}-{number}{ending}"
