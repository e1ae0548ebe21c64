from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.simulator import Simulator, running_simulator

from .fault_proxy import FaultProxy, fault_proxy
from .swift import Swift, missing, running_swift

GENERATED = Path(__file__).parents[2] / "generated"
_MODULES = ("handler", "patch", "schema")


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    if missing():
        if os.environ.get("S3_REQUIRED") == "1":
            pytest.fail(f"S3_REQUIRED=1, but {', '.join(missing())} is not here: make swift")
        pytest.skip("no Swift here: make swift")
    with running_swift(tmp_path_factory.mktemp("swift")) as running:
        yield running


@pytest.fixture
def bucket(swift: Swift, request: pytest.FixtureRequest) -> str:
    """An empty bucket of the test's own."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower())[:60].strip("-")
    swift.client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def network(swift: Swift) -> Iterator[FaultProxy]:
    with fault_proxy(swift.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    with running_simulator(load_catalog()) as running:
        yield running


class Handlers:
    """Handlers of packages, imported as `python handler.py` does, each with an environment of its own."""

    def __init__(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self._simulator = simulator
        self._patch = monkeypatch
        # An endpoint closes its connections when the loop ends, not before that by being forgotten.
        self._made: list[ModuleType] = []

    def __call__(self, package: str | Path, **environment: str) -> ModuleType:
        folder = package if isinstance(package, Path) else GENERATED / package
        for name, value in {"COMFYUI_URL": self._simulator.url, **environment}.items():
            self._patch.setenv(name, value)
        self._patch.syspath_prepend(str(folder))
        for name in _MODULES:
            sys.modules.pop(name, None)
        self._made.append(importlib.import_module("handler"))
        return self._made[-1]


@pytest.fixture
def handler_of(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handlers]:
    yield Handlers(simulator, monkeypatch)
    for name in _MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The prompts that ComfyUI is given."""
    from comfy2runpod_runtime.comfyui.client import ComfyUIClient  # noqa: PLC0415

    prompts: list[Any] = []
    queue = ComfyUIClient.queue

    async def noted(self: ComfyUIClient, prompt: Any, *rest: Any) -> None:
        prompts.append(prompt)
        await queue(self, prompt, *rest)

    monkeypatch.setattr(ComfyUIClient, "queue", noted)
    return prompts
