"""A command with little memory and patience, for tests against hostile servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fork_server import ForkServer

from .command import Done
from .impatient import Impatient, prepare, run

# Of a processor; most commands take a tenth.
SECONDS = 30.0


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    with ForkServer() as server:
        server.prepare(prepare)
        yield server


@pytest.fixture
def impatient(forks: ForkServer) -> Impatient:
    """Runs a command with little memory and patience, and counts the time that it computes."""

    def running(*arguments: str | Path, **environment: str) -> Done:
        code, told = forks.call(run, tuple(map(str, arguments)), environment)
        assert code == 0
        done, seconds = told
        assert seconds < SECONDS
        return done

    return running
