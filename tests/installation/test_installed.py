"""Installed as a user installs it, every command works, from any folder.

A slice runs with all tests: the oldest Python that is here, pip, the wheel. `make install-test` runs every way of
installing under every Python that is here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from comfy2runpod import __version__
from comfy2runpod.cli.front import SECTIONS
from comfy2runpod.stages.emit.runtime_wheel import WHEELS, runtime_wheel

from .conftest import Built
from .environments import ROOT, VERSIONS, WHOLE, environment, fresh, python, ran, tool

COMMANDS = [entry.name for entries in SECTIONS.values() for entry in entries]
GRAPH = ROOT / "graphs" / "t2i_klein_4b.json"
INPUT = {"prompt": "a cat", "width": 64, "height": 64, "seed": 7}


@dataclass(frozen=True)
class Installed:
    """Where the console script is, and the Python that can be asked for the module, if it is to be called."""

    bin: Path
    python: Path | None


def by_pip(source: Callable[[Built], Path]) -> Callable[[Built, str, Path], Installed]:
    def install(built: Built, version: str, folder: Path) -> Installed:
        bin_folder = fresh(folder / "venv", version)
        env = environment(folder / "home")
        ran([bin_folder / "python", "-m", "pip", "install", "--quiet", source(built)], folder, env)
        ran([bin_folder / "python", "-m", "pip", "check"], folder, env)
        return Installed(bin_folder, bin_folder / "python")

    return install


def by_uv(built: Built, version: str, folder: Path) -> Installed:
    bin_folder = folder / "bin"
    env = environment(folder / "home", UV_TOOL_DIR=str(folder / "tools"), UV_TOOL_BIN_DIR=str(bin_folder))
    ran([tool("uv"), "tool", "install", "--python", python(version) or "", built.wheel], folder, env)
    return Installed(bin_folder, folder / "tools" / "comfy2runpod" / "bin" / "python")


def by_pipx(built: Built, version: str, folder: Path) -> Installed:
    bin_folder = folder / "bin"
    env = environment(folder / "home", PIPX_HOME=str(folder / "pipx"), PIPX_BIN_DIR=str(bin_folder))
    ran([tool("pipx"), "install", "--python", python(version) or "", built.wheel], folder, env)
    return Installed(bin_folder, folder / "pipx" / "venvs" / "comfy2runpod" / "bin" / "python")


WAYS = {
    "pip, the wheel": by_pip(lambda built: built.wheel),
    "pip, the sdist": by_pip(lambda built: built.sdist),
    "pip, a checkout": by_pip(lambda built: built.checkout),
    "uv tool": by_uv,
    "pipx": by_pipx,
}
CASES = [(version, way) for version in VERSIONS for way in WAYS] if WHOLE else [("oldest", "pip, the wheel")]


@pytest.mark.parametrize(("version", "way"), CASES)
def test_every_command_works_after_an_install(version: str, way: str, built: Built, tmp_path: Path) -> None:
    if version == "oldest":
        # All other tests run on the newest that make finds.
        version = next(one for one in VERSIONS if python(one) is not None)
    if python(version) is None:
        pytest.skip(f"no Python {version} here")
    elsewhere = tmp_path / "elsewhere"
    for folder in (elsewhere, tmp_path / "home"):
        folder.mkdir()
    installed = WAYS[way](built, version, tmp_path)
    env = environment(tmp_path / "home", installed.bin)

    def said(*arguments: str | Path) -> str:
        return ran(["comfy2runpod", *map(str, arguments)], elsewhere, env)

    assert said("--version") == f"comfy2runpod, version {__version__}\n"
    for command in COMMANDS:
        assert f"comfy2runpod {command}" in said(command, "--help")
    if installed.python is not None:
        assert ran([installed.python, "-m", "comfy2runpod", "--version"], elsewhere, env) == said("--version")

    (elsewhere / "image.json").write_bytes(GRAPH.read_bytes())
    said("check", "image.json")
    said("compile", "image.json")
    (package,) = (elsewhere / "generated").iterdir()
    (wheel,) = (package / WHEELS).iterdir()
    # The same bytes as from this checkout, on this Python.
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == runtime_wheel().sha256
    said("run", package, "--input", json.dumps(INPUT), "-o", "answer")
    answer = json.loads((elsewhere / "answer" / "response.json").read_text())
    assert (answer["width"], answer["height"], answer["seed"]) == (64, 64, 7)
    said("docs", "generated", "-o", "site")
    assert (elsewhere / "site" / "index.html").is_file()
    assert not re.search("Traceback", said("inspect", "image.json"))
    left = {path.name for path in (tmp_path / "home").iterdir()} - {".cache", ".local", ".config"}
    assert not left, "nothing of ours is left in the home"
