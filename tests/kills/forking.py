"""Runs commands one after the other, each in a fork of a process that has imported all: many kills in little time.

Reads orders, a JSON object a line: `arguments`, the `folder` whose steps count, `at` which step it dies (0: none), and
`after` how many seconds it is killed (null: not). Answers each with its `code` (negative: the signal), its `steps`, how
many `seconds` it took, and what it `said`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from importlib import import_module
from typing import Any

from comfy2runpod.catalog.classes import load_catalog
from comfy2runpod.cli.app import run
from tests.kills.dying import Steps

_USED = ("cli.compile", "cli.annotate", "cli.docs", "cli.batch", "batch.batch", "batch.caller", "batch.journal")


def main() -> None:
    for name in _USED:
        import_module(f"comfy2runpod.{name}")
    import_module("huggingface_hub.errors")
    load_catalog()
    for line in sys.stdin:
        print(json.dumps(_obey(json.loads(line))), flush=True)


def _obey(order: dict[str, Any]) -> dict[str, Any]:
    given, taken = os.pipe()
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _run(order, said.fileno(), taken)
        os.close(taken)
        if order["after"] is not None:
            time.sleep(order["after"])
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        seconds = time.monotonic() - began
        with os.fdopen(given, "rb") as pipe:
            steps = int(pipe.read() or b"0")
        said.seek(0)
        return {"code": code, "steps": steps, "seconds": seconds, "said": said.read().decode("utf-8", "replace")}


def _run(order: dict[str, Any], said: int, taken: int) -> None:
    code = 70
    try:
        for fd in (1, 2):
            os.dup2(said, fd)
        steps = Steps(order["folder"], order["at"])
        code = run(order["arguments"])
        os.write(taken, f"{steps.taken}".encode())
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
