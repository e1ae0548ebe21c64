"""The packages' own generated clients."""

from __future__ import annotations

import importlib
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import pytest

from tests.end_to_end.saving import Graph
from tests.standins.runpod_queue import RunPodQueue, running_queue

from .node_tools import TypeScript, typescript_in

GENERATED = Path(__file__).parents[2] / "generated"
# Takes code and the folder of a client; whether mypy lets it pass, and what it says.
PassesMypy: TypeAlias = Callable[[str, Path], tuple[bool, str]]


def client_of(package: str, packages: Path = GENERATED) -> ModuleType:
    folder = str(packages / package / "clients" / "python")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(f"{package}_client")
    finally:
        sys.path.remove(folder)


@pytest.fixture(scope="session")
def video() -> ModuleType:
    """The client of generated/t2v_ltx2."""
    return client_of("t2v_ltx2")


@pytest.fixture(scope="session")
def edit() -> ModuleType:
    """The client of generated/i2i_klein_9b."""
    return client_of("i2i_klein_9b")


@pytest.fixture(scope="session")
def passes_mypy(tmp_path_factory: pytest.TempPathFactory) -> PassesMypy:
    """Whether code that uses a client passes mypy --strict, and what mypy says.

    Its cache is kept: the libraries below the clients take it longer than all that is asked. Each code is a
    module of its own, for the cache knows a file by its size and its second alone.
    """
    folder = tmp_path_factory.mktemp("mypy")
    number = itertools.count()

    def passes(code: str, client: Path) -> tuple[bool, str]:
        module = folder / f"caller_{next(number)}.py"
        module.write_text(code)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), str(module)],
            env={"MYPYPATH": str(client), "PATH": "/usr/bin:/bin"},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode == 0, done.stdout

    return passes


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that takes a video, in MP4 or WebM and of at most 100 kB."""
    graph = Graph()
    clip = graph.add("LoadVideo", "clip.mp4")
    parts = graph.add("GetVideoComponents", video=(clip, 0))
    made = graph.add("CreateVideo", 24, images=(parts, 0), audio=(parts, 1), fps=(parts, 2))
    graph.add("SaveVideo", "clip", "auto", "auto", video=(made, 0))
    note = f"""name: clips
inputs:
  clip: {{from: {clip}.file, max_bytes: 100KB, formats: [mp4, webm]}}
"""
    return graph.package(note, tmp_path_factory.mktemp("packages"))


@pytest.fixture
def server() -> Iterator[RunPodQueue]:
    with running_queue() as running:
        yield running


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypeScript]:
    """The tools that build and call the TypeScript clients."""
    tools = typescript_in(tmp_path_factory.mktemp("typescript"))
    yield tools
    tools.close()
