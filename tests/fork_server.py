"""Functions in forks of a process that has one thread: tests leave threads, and a fork beside them may never go on.

The process reads pickled orders, a function of some module and its arguments, and answers each with an exit code
(negative: the signal) and what the function returned, None if it did not.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

_ROOT = Path(__file__).parents[1]


class ForkServer:
    """Such a process, for as long as the context is open."""

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server"], cwd=_ROOT, stdin=pipe, stdout=pipe
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def prepare(self, function: Callable[..., object], *arguments: object) -> None:
        """Calls a function in the process itself, for what it imports."""
        self._order("prepare", function, arguments)

    def call(self, function: Callable[..., object], *arguments: object) -> tuple[int, Any]:
        """Calls a function in a fork: its exit code, and what it returned."""
        return self._order("fork", function, arguments)

    def _order(self, kind: str, function: Callable[..., object], arguments: tuple[object, ...]) -> tuple[int, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((kind, function, arguments), self._process.stdin)
        self._process.stdin.flush()
        answer: tuple[int, Any] = pickle.load(self._process.stdout)
        return answer


def main() -> None:
    # What functions print is not an answer.
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            kind, function, arguments = pickle.load(orders)
        except EOFError:
            return
        if kind == "prepare":
            function(*arguments)
            answer = (0, None)
        else:
            answer = _forked(function, arguments)
        pickle.dump(answer, answers)
        answers.flush()


def _forked(function: Callable[..., object], arguments: tuple[object, ...]) -> tuple[int, Any]:
    given, taken = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(given)
            with os.fdopen(taken, "wb") as pipe:
                pickle.dump(function(*arguments), pipe)
            code = 0
        finally:
            os._exit(code)
    os.close(taken)
    with os.fdopen(given, "rb") as pipe:
        told = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, pickle.loads(told) if code == 0 else None


if __name__ == "__main__":
    main()
