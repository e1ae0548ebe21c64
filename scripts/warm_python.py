"""Runs Python in forks of one process that has imported the packages that tests need, and no module of the project.

    python scripts/warm_python.py < ORDERS

Each order is a line of JSON: the arguments of `python`, `-c CODE …` or `-m MODULE …`, and a limit in seconds. The
answer is a line with the exit code, negative for a signal. What runs reads and prints nothing.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import runpy
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Self

_PACKAGES = (
    "PIL.Image",
    "aiohttp",
    "huggingface_hub",
    "hypothesis.strategies",
    "jinja2",
    "numpy",
    "pydantic",
    "pytest",
)


class WarmPython:
    """Such a process, while the context is open.

    Args:
        folder: where it runs.
        environment: its environment variables.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder, self._environment = folder, environment

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def run(self, arguments: Sequence[str], seconds: float) -> int:
        """The exit code of `python ARGUMENTS`; negative if a signal or the limit ended it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([list(arguments), seconds]), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


def main() -> None:
    for name in _PACKAGES:
        importlib.import_module(name)
    for plugin in importlib.metadata.entry_points(group="pytest11"):
        plugin.load()
    # Its folder is this script's; a module of ours in it would be found before that of the tree.
    sys.path[0] = str(Path.cwd())
    for order in sys.stdin:
        arguments, seconds = json.loads(order)
        print(_forked(arguments, seconds), flush=True)


def _forked(arguments: list[str], seconds: float) -> int:
    child = os.fork()
    if child == 0:
        os._exit(_run(arguments))
    ended = os.pidfd_open(child)
    try:
        if not select.select([ended], [], [], seconds)[0]:
            os.killpg(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    finally:
        os.close(ended)


def _run(arguments: list[str]) -> int:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    option, what, *rest = arguments
    sys.argv = [option, *rest]
    try:
        if option == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            module = sys.modules["__main__"] = ModuleType("__main__")
            exec(what, vars(module))
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception:  # noqa: BLE001 - as Python itself ends, whatever is raised
        return 1
    return 0


if __name__ == "__main__":
    main()
