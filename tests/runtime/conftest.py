"""What the runtime's tests share: a stand-in ComfyUI, and the package in this folder on top of it."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.standins.comfyui import Behaviour, ComfyUI, State

PACKAGE = Path(__file__).parent / "package"
# Of its nodes, ComfyUI tells of the size and of the sampler, each with two steps.
USUAL = Behaviour(nodes=("3", "7:5"), steps=2, seconds=0.0)
Load = Callable[..., Any]
Handle = Callable[..., Awaitable[dict[str, Any]]]
_MODULES = ("handler", "patch", "schema")


@pytest.fixture
async def comfyui(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ComfyUI]:
    async with ComfyUI(State(tmp_path_factory.mktemp("comfyui"))) as server:
        server.usual = USUAL
        server.behave()
        yield server


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the package's handler anew, with the environment as it is then; returns its endpoint."""
    monkeypatch.syspath_prepend(str(PACKAGE))

    def loaded(**environment: object) -> Any:
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        for name in _MODULES:
            monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module("handler").endpoint

    return loaded


@pytest.fixture
def handle(load: Load, comfyui: ComfyUI) -> Handle:
    """Runs one job through the package's handler on the stand-in."""

    async def handled(job_input: object, **environment: object) -> dict[str, Any]:
        endpoint = load(**{"COMFYUI_URL": comfyui.url, "POLL_SECONDS": 0.2, **environment})
        return await endpoint.handle({"id": "job-1", "input": job_input})

    return handled


def error_of(answer: dict[str, Any]) -> dict[str, Any]:
    """The error of a failed job: the only thing in its answer."""
    assert list(answer) == ["error"], answer
    assert isinstance(answer["error"], str)
    return json.loads(answer["error"])
