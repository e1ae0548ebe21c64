"""A command in a fork of a process that has everything imported, with a memory limit and a short time limit."""

from __future__ import annotations

import importlib
import os
import resource
import threading
from collections.abc import Callable

from tests.cli.command import Done, comfy2runpod

# A command's arguments, and variables of its environment by name.
Impatient = Callable[..., Done]
MEMORY = 1536 * 1024**2
_IMPORTED = ("httpx", *(f"comfy2runpod.{name}" for name in ("hub", "comfyui_server", "pipeline", "cli.app")))


def prepare() -> None:
    """Imports what takes most of a command's time; not the hub's library, which reads the environment then."""
    for module in _IMPORTED:
        importlib.import_module(module)


def run(arguments: tuple[str, ...], environment: dict[str, str]) -> tuple[Done, float]:
    """In the fork: what came of the command, and the seconds of a processor that it took."""
    from comfy2runpod import comfyui_server, hub  # noqa: PLC0415

    os.environ.update(environment)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    comfyui_server.ask_server.__defaults__ = (2.0,)
    hub.lock_models.__defaults__ = (None, 2.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    done = comfy2runpod(*arguments)
    # As at the end of a process: its threads are waited for.
    threading._shutdown()  # type: ignore[attr-defined]
    return done, resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
