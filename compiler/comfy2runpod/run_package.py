"""Runs a package's own handler as a process of its own, on the simulator or on a ComfyUI that is named."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from comfy2runpod.diagnostics import CompileError, Locus, UnreachableError
from comfy2runpod.errors.files import CannotRun, NotAPackage
from comfy2runpod.job_process import Listener, run_job
from comfy2runpod.json_parts import object_of
from comfy2runpod.package_folder import package_catalog, read_in, read_object, what_stands_at
from comfy2runpod.package_paths import INPUT, OUTPUT
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.media import file_ending
from comfy2runpod_contract.scratch import scratch_folder

_FETCH_SECONDS = 60


class RunError(UnreachableError):
    """The package cannot be run."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A handler's answer: `media` maps a file name to its bytes, `rest` has those names in their place.

    `unknown` says of files that the simulator drew at a size of its own, and why: a line each.
    """

    failed: bool
    rest: JsonObject
    media: dict[str, bytes]
    unknown: tuple[str, ...] = ()


def run_package(
    package: Path, job_input: Json, comfyui: str | None, listener: Listener | None = None, *, verbose: bool = False
) -> Answer:
    """Runs the package's handler on one input.

    Args:
        package: the package's folder.
        job_input: what a job's `input` holds.
        comfyui: the URL of a ComfyUI; None starts the simulator, with the node packs' classes and facts that the
            package carries.
        listener: is told how far it is, and what the worker logs.
        verbose: whether the worker logs all, and not only what its answer does not say.

    Raises:
        CompileError: it is no package, or what it carries of node packs is not a catalog.
        RunError: nothing is there, or it does not start.
        UnreachableError: what it carries of node packs cannot be read.
    """
    check_package(package)
    with _comfyui(comfyui, package) as (url, unknown), scratch_folder("run") as folder:
        given, taken = folder / "input.json", folder / "answer.json"
        given.write_text(json.dumps(job_input), encoding="utf-8")
        command = [sys.executable, "-m", "comfy2runpod_runtime.run_once", str(package)]
        command += ["--input", str(given), "--output", str(taken), *([] if verbose else ["--brief"])]
        # A package is what was compiled: running it leaves nothing in its folder.
        environment = {"PROGRESS_SECONDS": "0.1", **os.environ, "COMFYUI_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}
        if run_job(command, environment, listener or Listener()) != 0 or not taken.exists():
            problem = "its handler did not start; the reason stands above"
            raise RunError(CannotRun(at=Locus(package.as_posix()), problem=problem))
        try:
            answer = object_of("the answer", json.loads(taken.read_text("utf-8")))
        except (ValueError, RecursionError) as error:
            problem = f"its handler's answer cannot be read: {str(error) or type(error).__name__}"
            raise RunError(CannotRun(at=Locus(package.as_posix()), problem=problem)) from None
        return replace(_opened(answer, _file_fields(package)), unknown=unknown())


def check_package(package: Path) -> None:
    """Makes sure that there is something to run.

    Raises:
        CompileError: what is there is no package, or its handler is a link.
        RunError: there is nothing.
    """
    if read_in(package, "handler.py") is None:
        found = CannotRun(at=Locus(package.as_posix()), problem=what_stands_at(package, "handler.py"))
        if not os.path.lexists(package):
            raise RunError(found)
        raise CompileError([found])


def media_fields(package: Path) -> frozenset[str]:
    """The input fields that take a file, by the package's own schema; none if it has no schema."""
    return _fields(package, INPUT, "x-media")


def output_names(package: Path) -> frozenset[str]:
    """What an answer may hold, by the package's own schema; nothing if it has none."""
    return frozenset(_properties(package, OUTPUT))


@contextmanager
def _comfyui(url: str | None, package: Path) -> Iterator[tuple[str, Callable[[], tuple[str, ...]]]]:
    """A ComfyUI's URL, and what says which sizes the simulator does not know."""
    if url is not None:
        yield url, tuple
        return
    from comfy2runpod.simulator import running_simulator  # noqa: PLC0415 - media libraries, which only this needs

    with running_simulator(package_catalog(package)) as simulator:
        yield (
            simulator.url,
            lambda: tuple(f"node {size.node_id} ({size.class_type}): {size.why}" for size in simulator.unknown_sizes()),
        )


def _file_fields(package: Path) -> frozenset[str]:
    """The fields of an answer that hold a file themselves, by the package's own schema."""
    return _fields(package, OUTPUT, "contentMediaType")


def _fields(package: Path, path: str, key: str) -> frozenset[str]:
    """The properties of a package's schema that have a key."""
    properties = _properties(package, path)
    return frozenset(name for name, field in properties.items() if isinstance(field, dict) and key in field)


def _properties(package: Path, path: str) -> JsonObject:
    """What a package's schema says of each property; nothing if there is no schema.

    Raises:
        CompileError: it is no schema, or a link.
    """
    properties = (read_object(package, path) or {}).get("properties", {})
    if not isinstance(properties, dict):
        problem = f"{path}: its properties are no object"
        raise CompileError([NotAPackage(at=Locus(package.as_posix()), problem=problem)])
    return properties


def _opened(answer: JsonObject, file_fields: frozenset[str]) -> Answer:
    if "error" in answer:
        error = answer["error"]
        with suppress(ValueError, RecursionError):
            error = json.loads(str(error))
        return Answer(failed=True, rest={"error": error}, media={})
    media: dict[str, bytes] = {}
    rest: JsonObject = {}
    if "url" in answer and len(file_fields) == 1:
        (name,) = file_fields
        answer = {name: None, **answer}
    for name, value in answer.items():
        if name in file_fields and (isinstance(value, str) or "url" in answer):
            rest[name] = _saved(media, name, {**answer, "data": value})
        elif isinstance(value, list):
            rest[name] = [_with_file(media, f"{name}-{index}", item) for index, item in enumerate(value)]
        else:
            rest[name] = _with_file(media, name, value)
    return Answer(failed=False, rest=rest, media=media)


def _with_file(media: dict[str, bytes], name: str, value: Json) -> Json:
    """A part of an answer; if it is a file, with the name that the file gets as its `data`."""
    if not isinstance(value, dict) or not {"data", "url"} & value.keys():
        return value
    return {**value, "data": _saved(media, name, value)}


def _saved(media: dict[str, bytes], name: str, file: JsonObject) -> str:
    target = f"{name}{file_ending(str(file.get('media_type')))}"
    try:
        if isinstance(data := file.get("data"), str):
            media[target] = base64.b64decode(data, validate=True)
        else:
            media[target] = httpx.get(str(file["url"]), timeout=_FETCH_SECONDS).raise_for_status().content
    except binascii.Error as error:
        raise RunError(CannotRun(at=Locus(name), problem=f"the answer's {name} is not base64: {error}")) from error
    except httpx.HTTPError as error:
        problem = f"the file of {name} cannot be fetched from where the worker put it: {type(error).__name__}"
        raise RunError(CannotRun(at=Locus(name), problem=problem)) from error
    if hashlib.sha256(media[target]).hexdigest() != file.get("sha256"):
        raise RunError(CannotRun(at=Locus(name), problem=f"the file of {name} is not the one that the answer says"))
    return target
