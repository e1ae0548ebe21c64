"""Packages' own handlers in the test's process, imported as `python handler.py` does."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from comfy2runpod.simulator import Simulator

GENERATED = Path(__file__).parents[1] / "generated"
_MODULES = ("handler", "patch", "schema")


class Handlers:
    """Loads the handler of a package, named or by its folder, with the environment as it is then.

    All of them have modules of the same names, so that each is loaded anew, and none is left behind (`forget`).
    """

    def __init__(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self._simulator = simulator
        self._patch = monkeypatch
        # An endpoint closes its connections when the loop ends, not before that by being forgotten.
        self._made: list[ModuleType] = []

    def __call__(self, package: str | Path, **environment: object) -> ModuleType:
        folder = package if isinstance(package, Path) else GENERATED / package
        for name, value in {"COMFYUI_URL": self._simulator.url, **environment}.items():
            self._patch.setenv(name, str(value))
        self._patch.syspath_prepend(str(folder))
        self.forget()
        self._made.append(importlib.import_module("handler"))
        return self._made[-1]

    @staticmethod
    def forget() -> None:
        for name in _MODULES:
            sys.modules.pop(name, None)


def noted_prompts(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The prompts that ComfyUI is given from now on."""
    from comfy2runpod_runtime.comfyui.client import ComfyUIClient  # noqa: PLC0415

    prompts: list[dict[str, Any]] = []
    queue = ComfyUIClient.queue

    async def noted(self: ComfyUIClient, prompt: Any, *rest: Any) -> Any:
        prompts.append(prompt)
        return await queue(self, prompt, *rest)

    monkeypatch.setattr(ComfyUIClient, "queue", noted)
    return prompts
