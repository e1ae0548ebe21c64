"""Both clients check an input before they send it, with the same messages as the package's worker."""

from __future__ import annotations

import importlib.util
import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from comfy2runpod_runtime.errors import JobFailed
from comfy2runpod_runtime.inputs.request_options import ImageOptions, resolve_options
from comfy2runpod_runtime.inputs.validate import validate_request
from tests.standins.runpod_queue import RunPodQueue

from .conftest import GENERATED, client_of
from .node_tools import TypeScript
from .samples import QUEUED

PACKAGES = sorted(path.name for path in GENERATED.iterdir() if path.is_dir())
COUNT, SEED = 400, 12
URL = "https://example.com/image.png"

# Values of every kind that JSON has, for whichever field; most are wrong for most.
STRANGE: tuple[object, ...] = (
    None, True, False, 0, 1, -1, 5, 7, 64, 65, 121, 122, 2**53, 2**64 - 1, 2**64, -(2**70), 10**29, 10**31, 0.25, 0.5,
    1.5, -1e-7, 3e-5, 1e300, "", " ", "a", "png", "pngs", "inline", "12", "it's", 'say "it\'s"', "back\\slash",
    "two\nlines\ttab", "\x1b[31m\x00", "caf\u00e9 \u2026 \U0001f600", "half \ud800", "x" * 39, "x" * 41, "x" * 4001,
    "\U0001f600" * 4001, "word " * 30, [], [1], ["png"], {}, {"a": 1},
)  # fmt: skip
NAMES = ("sed", "noise_seed", "SEED", "promt", "prompt ", "widht", "Width", "ouput", "outputs_", "x" * 100, "", "a b",
         "caf\u00e9", "image_", "negative", "steps_count", "__proto__", "constructor", "timing")  # fmt: skip


def input_model(package: str) -> Any:
    """The model by which the package's worker judges."""
    name = f"{package}_schema"
    spec = importlib.util.spec_from_file_location(name, GENERATED / package / "schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module.Input


def schema_of(package: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GENERATED / package / "docs" / "input.schema.json").read_text("utf-8"))
    return found


def requests(package: str) -> Iterator[Any]:
    """Every field with everything, and mixtures."""
    schema = schema_of(package)
    fields = schema["properties"]
    good: dict[str, object] = {name: URL if "x-media" in fields[name] else "a cat" for name in schema["required"]}
    yield from (good, {}, [], None, "text", 5, True)
    for name, field in fields.items():
        if "x-media" in field:
            # Texts are images, or not, by what is in them: test_images.
            yield from ({**good, name: value} for value in (None, 5, True, [], {}, "", "half \ud800", URL))
            continue
        yield from ({**good, name: value} for value in (*STRANGE, *_near(field)))
    for name in NAMES:
        yield {**good, name: 1}
    options = {"delivery": ("inline", "url", None, "post", 5, "inlin"), "format": ("png", None, "gif", ["png"], "PNG"),
               "quality": (1, 100, 0, 101, None, "90", 1.5, True, -(2**70)), "qualty": (5,), "a.b": (1,)}  # fmt: skip
    for key, values in options.items():
        yield from ({**good, "output": {key: value}} for value in values)
    names = schema.get("properties", {}).get("outputs", {}).get("items", {}).get("enum", ["video"])
    lists: list[list[object]] = [names, names[:1], names[:1] * 2, [*names, *names], [None], [5, "x"], ["x"] * 40, [[]]]
    yield from ({**good, "outputs": value} for value in lists)
    rng = random.Random(SEED)
    for _ in range(COUNT):
        chosen = {name: rng.choice(STRANGE) for name in rng.sample(list(fields), rng.randint(1, len(fields)))}
        chosen = {name: URL if "x-media" in fields[name] else value for name, value in chosen.items()}
        extra = dict.fromkeys(rng.sample(NAMES, rng.randint(0, 3)), 1)
        yield {**({} if rng.random() < 0.3 else good), **chosen, **extra}
    yield {**good, **{f"unknown_{number}": number for number in range(50)}}


def _near(field: dict[str, Any]) -> list[object]:
    """Values around a field's own bounds, steps and choices."""
    low, high = field.get("minimum"), field.get("maximum")
    found: list[object] = [bound + by for bound in (low, high) if bound is not None for by in (-2, -1, 0, 1, 2, 3)]
    for choice in field.get("enum", []):
        found += [choice] if not isinstance(choice, str) else [choice, choice[:-1], choice.upper()]
    longest = field.get("maxLength")
    return [*found, "a" * longest, "a" * (longest + 1)] if longest else found


def worker_verdict(model: Any, package: str, request: Any) -> tuple[str, list[tuple[str, str]]] | None:
    """The worker's message and details; None if it takes the input. As Endpoint._run asks, in the same order."""
    names = schema_of(package)["properties"].get("outputs", {}).get("items", {}).get("enum", ["video"])
    try:
        resolve_options(validate_request(model, request), names, ImageOptions())
    except JobFailed as error:
        return error.message, [(getattr(one, "field", ""), one.message) for one in error.details]
    return None


@pytest.mark.parametrize("package", PACKAGES)
def test_the_python_client_judges_as_the_worker_and_sends_nothing_that_is_refused(
    package: str, server: RunPodQueue
) -> None:
    client_module, model = client_of(package), input_model(package)
    server.answers(run=[QUEUED])
    sent = refused = 0
    with client_module.Client(server.url, "key") as client:
        for request in requests(package):
            verdict = worker_verdict(model, package, request)
            try:
                client.submit(request)
                found = None
            except client_module.InvalidInput as error:
                found = error.message, [(one.field, one.message) for one in error.details]
            assert found == verdict, request
            sent += found is None
            refused += found is not None
            assert len(server.seen) == sent
    assert sent > 50
    assert refused > 300


@pytest.mark.parametrize("package", PACKAGES)
def test_the_typescript_client_judges_as_the_worker(package: str, typescript: TypeScript) -> None:
    model = input_model(package)
    # A JavaScript number has no 5.0; nor does JSON.stringify hold more than it does.
    asked = [one for one in requests(package) if not _has_whole_float(one)]
    came = typescript.call(package, "verdicts", "http://127.0.0.1:9", requests=[_written(one) for one in asked])
    assert "value" in came, came
    found = came["value"]
    assert len(found) == len(asked)
    for request, got in zip(asked, found, strict=True):
        verdict = worker_verdict(model, package, request)
        if verdict is None or got is None:
            assert verdict == got, request
            continue
        assert got["name"] == "InvalidInput", request
        details = [(one["field"], _plain(one["message"])) for one in got["details"]]
        assert (_plain(got["reason"]), details) == (_plain(verdict[0]), [(a, _plain(b)) for a, b in verdict[1]]), (
            request
        )


def _written(request: Any) -> Any:
    """Numbers that JavaScript's would change, as bigints."""
    if not isinstance(request, dict):
        return request
    return {
        name: {"$bigint": str(value)} if type(value) is int and abs(value) >= 2**53 else value
        for name, value in request.items()
    }


def _has_whole_float(request: Any) -> bool:
    values = request.values() if isinstance(request, dict) else [request]
    inner = [one for value in values for one in (value.values() if isinstance(value, dict) else [value])]
    nested = any(isinstance(value, dict) and any(_is_long(one) for one in value.values()) for value in values)
    return nested or any(isinstance(one, float) and one.is_integer() for one in inner)


def _is_long(value: object) -> bool:
    return type(value) is int and abs(value) >= 2**53


def _plain(message: str) -> str:
    """A bound of a number is 4 in JavaScript where it is 4.0 in Python."""
    return re.sub(r"(\d)\.0\b", r"\1", message)


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_the_check_can_be_omitted(typescript: TypeScript, server: RunPodQueue, language: str) -> None:
    server.answers(run=[QUEUED])
    request = {"promt": "a cat", "width": 1}
    if language == "python":
        package = client_of("t2v_ltx2")
        with package.Client(server.url, "key", package.Options(check_input=False)) as client:
            assert client.submit(request) == "j1"
    else:
        plan = {"request": request, "options": {"checkInput": False}}
        assert typescript.call("t2v_ltx2", "submit", server.url, **plan)["value"] == "j1"
    assert json.loads(server.seen[0].body) == {"input": request}


def test_what_cannot_be_written_as_json_is_refused_too(server: RunPodQueue) -> None:
    package = client_of("t2v_ltx2")
    server.answers(run=[QUEUED])
    round_: dict[str, object] = {}
    round_["round"] = round_
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with package.Client(server.url, "key", package.Options(check_input=False)) as client:
        for value in (object(), {1, 2}, b"bytes", float("nan"), float("inf"), 10**5000, round_, deep, Path("x")):
            with pytest.raises(package.errors.InputRefused, match="cannot be sent"):
                client.submit({"prompt": value})
        for request in (None, 5, [], "text"):
            with pytest.raises(package.errors.InputRefused):
                client.submit(request)
    assert server.seen == []
